"""Which continuations of a beam stay: the best of all, or the best of groups that avoid each other.

Sizes: B sentences, W hypotheses a sentence (one before the first free step, K after), G groups of k, K = G k; M = 2 k candidates a
group. Twice the beam, because at most k of them can be ends and k are to go on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqcli.decode.rules import NEVER, largest


@dataclass(slots=True)
class Candidates:
    """The best continuations, best first."""

    parent: Tensor  # (B, G, M) which of the W hypotheses is continued
    token: Tensor  # (B, G, M)
    score: Tensor  # (B, G, M) -inf: there is no such candidate
    finish: Tensor  # (B, G, M) bool: ends, and good enough to be kept
    live: Tensor  # (B, G, k) which of the M go on; some may have a score of -inf


class Best:
    """The best of all (Graves 2012; Sutskever et al. 2014)."""

    def __init__(self, beam: int, end: int) -> None:
        self.beam, self.end = beam, end

    def __call__(self, log_probs: Tensor, scores: Tensor, tokens: Tensor) -> Candidates:  # noqa: ARG002  (others look back)
        """From log-probabilities (B, W, V) under the rules, scores (B, W) and tokens (B, W, T)."""
        parent, token, score = best(log_probs, scores, 2 * self.beam)
        return fates(parent[:, None], token[:, None], score[:, None], self.beam, self.end)


class Diverse:
    """The best of each group, where a token costs more the more hypotheses of earlier groups take it now (Vijayakumar et al. 2018).

    What a token costs counts where candidates are chosen; it does not become part of a hypothesis' score.
    """

    def __init__(self, beam: int, groups: int, diversity: float, end: int) -> None:
        self.size, self.groups, self.diversity, self.end = beam // groups, groups, diversity, end

    def __call__(self, log_probs: Tensor, scores: Tensor, tokens: Tensor) -> Candidates:  # noqa: ARG002
        """See `Best`."""
        B, W, V = log_probs.shape
        taken = log_probs.new_zeros(B, V + 1)
        found = []
        for group in range(self.groups):
            first, size = (0, 1) if W == 1 else (group * self.size, self.size)
            mine = slice(first, first + size)
            dearer = log_probs[:, mine] - self.diversity * taken[:, None, :V]
            parent, token, score = best(dearer, scores[:, mine], 2 * self.size)
            score = score + self.diversity * taken.gather(1, token.clamp(max=V - 1))
            part = fates(parent[:, None] + first, token[:, None], score[:, None], self.size, self.end)
            chosen, alive = (x[:, 0].gather(1, part.live[:, 0]) for x in (part.token, part.score > NEVER))
            taken.scatter_add_(1, torch.where(alive, chosen, V), torch.ones_like(chosen, dtype=taken.dtype))
            found.append(part)
        fields = ("parent", "token", "score", "finish", "live")
        return Candidates(*(torch.cat([getattr(part, name) for part in found], 1) for name in fields))


def best(log_probs: Tensor, scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best continuations of W hypotheses, (B, count) each: hypothesis, token, score; -inf where there are no more.

    A hypothesis brings `count` candidates at most, so the scores are added to these few only.
    """
    B, W, V = log_probs.shape
    few = min(count, V)
    gains, tokens = (x.view(B, W, few) for x in largest(log_probs.reshape(B * W, V), few))
    totals = (gains + scores[:, :, None]).view(B, W * few)
    score, place = totals.topk(min(count, W * few), 1)
    parent, token = place // few, tokens.view(B, W * few).gather(1, place)
    missing = count - score.shape[1]
    if missing:
        score = torch.cat([score, score.new_full((B, missing), NEVER)], 1)
        parent, token = (torch.cat([x, x.new_zeros(B, missing)], 1) for x in (parent, token))
    return parent, token, score


def fates(parent: Tensor, token: Tensor, score: Tensor, size: int, end: int) -> Candidates:
    """Of candidates (B, G, M), best first: ends among the first `size` are kept, and the first `size` others go on."""
    ends, possible = token == end, score > NEVER
    finish = ends & possible
    finish[:, :, size:] = False
    live = (ends & possible).to(torch.int8).sort(dim=2, stable=True).indices[:, :, :size]
    return Candidates(parent, token, score, finish, live)


def settle(candidates: Candidates, W: int) -> None:
    """Bring what goes on into an order in which a state of many rows is moved least."""
    groups, k = candidates.live.shape[1:]
    if W == groups * k > 1:
        first = torch.arange(0, W, k, device=candidates.live.device)[:, None]
        candidates.live = settled(candidates.live, candidates.parent.gather(2, candidates.live) - first)


def settled(live: Tensor, parent: Tensor) -> Tensor:
    """What goes on (…, k), of parents (…, k) among k rows, so that a row that has children is followed by the first of them.

    >>> parent = torch.tensor([2, 0, 2, 1])
    >>> settled(torch.arange(4), parent).tolist()          # rows 0 and 1 are followed by their own, row 2 by its first
    [1, 3, 0, 2]
    """
    same = parent[..., :, None] == parent[..., None, :]
    first = ~same.tril(-1).any(-1)
    free = torch.zeros_like(parent).scatter(-1, parent, 1).sort(dim=-1, stable=True).indices  # rows without children first
    other = (~first).cumsum(-1).sub(1).clamp(min=0)
    place = torch.where(first, parent, free.gather(-1, other))
    return torch.empty_like(live).scatter(-1, place, live)
