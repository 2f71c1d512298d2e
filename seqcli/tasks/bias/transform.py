"""The linear map of soft debiasing: a convex problem of its square, solved by one linear system where that is enough.

Bolukbasi et al. 2016, section 6: T = argmin ‖(TW)ᵀ(TW) − WᵀW‖² + λ ‖(TN)ᵀ(TB)‖² for all words W, neutral words N and the basis of
bias B. With X = TᵀT it is a quadratic over positive semidefinite X. Where C = WWᵀ has the root R and Y = R X R:

    min ‖Y − C‖² + λ Σ_j (Y u_j)ᵀ M (Y u_j),   u_j = R⁻¹ b_j,   M = R⁻¹ N Nᵀ R⁻¹

so that Y − C is the least symmetric matrix that gives Y u_j, and only the products H = Y Q with an orthonormal basis Q of the
u_j are unknown. If its solution is not semidefinite, alternating directions (ADMM) bring it and its nearest semidefinite matrix
together: a few hundred steps, for neutral words are words too, and so M is bounded.
"""

from __future__ import annotations

import numpy as np

from seqcli.data.examples import DoubleArray, FloatArray
from seqcli.errors import UsageFailure

STEPS = 5000
BALANCE = 20  # steps after which the pull is mended
CLOSE = 1e-10  # relative change at which the steps end
LEAST = 1e-8  # of the largest variance of words; where they have less they have none, and the map leaves all as it is


def soft_transform(every: DoubleArray, neutral: DoubleArray, basis: DoubleArray, strength: float) -> DoubleArray:
    """The symmetric T (D, D) from the moments of all words and of the neutral ones, and the basis (K, D) of the bias.

    Both terms are means: over pairs of words, and over neutral words. So λ, the strength, does not depend on how many words there
    are; λ |W|² / |N| is the paper's, whose terms are sums. At 0 T is the identity; the greater, the less of the bias is left.

    >>> T = soft_transform(np.eye(3), np.eye(3), np.array([[1.0, 0.0, 0.0]]), 1e9)
    >>> (T.round(3) + 0.0).tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

    Raises:
        UsageFailure: a strength that is negative or no number.
    """
    if not 0 <= strength < np.inf:
        raise UsageFailure(f"a strength of {strength:g} for soft debiasing: expected a number of 0 or more")
    sizes, turned = np.linalg.eigh(every)
    there = sizes > LEAST * sizes[-1]
    axes, roots = turned[:, there], np.sqrt(sizes[there])  # (D, R), (R,)
    whitened = (axes / roots).T @ neutral @ (axes / roots)
    problem = Problem(np.diag(sizes[there]), whitened, (axes / roots).T @ basis.T, strength)
    square = solve(problem) / np.outer(roots, roots)
    values, vectors = np.linalg.eigh((square + square.T) / 2)
    vectors = axes @ vectors
    found: DoubleArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    found += turned[:, ~there] @ turned[:, ~there].T
    return found


class Problem:
    """min ‖Y − A‖² + weight · Σ_j (Y u_j)ᵀ M (Y u_j) over symmetric Y, for any A."""

    def __init__(self, target: DoubleArray, M: DoubleArray, U: DoubleArray, weight: float) -> None:
        D, K = U.shape
        self.target = target
        left, sizes, _ = np.linalg.svd(U)  # U Uᵀ = Σ_k sizes_k² left_k left_kᵀ
        self.turned, self.K = left, K  # the first K columns span the u_j
        turned_M = left.T @ M @ left
        self.weights = np.full((K, D), 2.0)
        self.spread = selection(D, K)  # (K D, unknowns)
        self.weights[:, :K] = 1.0
        self.penalty = np.zeros((K * D, K * D))
        for k, size in enumerate(sizes):
            block = slice(k * D, (k + 1) * D)
            self.penalty[block, block] = weight * size**2 * turned_M
        self.reduced = self.spread.T @ self.penalty @ self.spread
        self.diagonal = self.spread.T @ (self.weights.reshape(-1, 1) * self.spread)

    def factor(self, scale: float) -> FloatArray:
        """The inverse of the system where ‖Y − A‖² counts `scale` times."""
        found: FloatArray = np.linalg.inv(scale * self.diagonal + self.reduced)
        return found

    def nearest(self, A: DoubleArray, scale: float, factor: FloatArray) -> DoubleArray:
        """The minimum for A, (D, D)."""
        turned = self.turned.T @ A @ self.turned
        columns = turned[: self.K]  # (K, D), A being symmetric
        solved = self.spread @ (factor @ (self.spread.T @ (scale * self.weights * columns).ravel()))
        turned[: self.K] = solved.reshape(columns.shape)
        turned[:, : self.K] = turned[: self.K].T
        found: DoubleArray = self.turned @ turned @ self.turned.T
        return found


def selection(D: int, K: int) -> DoubleArray:
    """Which unknown each entry of K rows of D is, (K D, unknowns): the first K by K are symmetric.

    >>> selection(2, 2).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    unknown: dict[tuple[int, int], int] = {}
    for k in range(K):
        for d in range(D):
            unknown.setdefault((min(k, d), max(k, d)) if d < K else (k, d), len(unknown))
    found = np.zeros((K * D, len(unknown)))
    for k in range(K):
        for d in range(D):
            found[k * D + d, unknown[(min(k, d), max(k, d)) if d < K else (k, d)]] = 1.0
    return found


def solve(problem: Problem) -> DoubleArray:
    """The positive semidefinite Y."""
    free = problem.nearest(problem.target, 1.0, problem.factor(1.0))
    values = np.linalg.eigvalsh(free)
    if values[0] >= -1e-12 * values[-1]:
        return free
    return alternate(problem, semidefinite(free))


def alternate(problem: Problem, cone: DoubleArray) -> DoubleArray:
    """The semidefinite Y by alternating directions, from a first guess."""
    pull, gap = 1.0, np.zeros_like(cone)
    factor = problem.factor(1.0 + pull)
    for step in range(1, STEPS + 1):
        aim = problem.nearest((problem.target + pull * (cone - gap)) / (1.0 + pull), 1.0 + pull, factor)
        relaxed = 1.6 * aim - 0.6 * cone
        before, cone = cone, semidefinite(relaxed + gap)
        gap = gap + relaxed - cone
        apart, moved = float(np.linalg.norm(aim - cone)), pull * float(np.linalg.norm(cone - before))
        if max(apart, moved) <= CLOSE * float(np.linalg.norm(cone)):
            break
        if step % BALANCE == 0 and not 0.2 * moved < apart < 5 * moved:
            change = float(np.clip(np.sqrt(apart / max(moved, 1e-300)), 0.1, 10.0))
            pull, gap = pull * change, gap / change
            factor = problem.factor(1.0 + pull)
    return cone


def semidefinite(Y: DoubleArray) -> DoubleArray:
    """The nearest positive semidefinite matrix."""
    values, vectors = np.linalg.eigh((Y + Y.T) / 2)
    found: DoubleArray = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return found
