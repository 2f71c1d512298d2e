"""Error analysis: where a result is not the reference, is the search to blame, or the model?

If the model finds the reference better than what search found, search has failed: a better search would have found at least something
as good. If it does not, the model has failed: no search by its scores prefers the reference. Both are scored by the model alone, token
by token, and normalised as the search ranks.

>>> from seqcli.decode.stepper import Table
>>> table = Table(torch.tensor([[0.0, 0.6, 0.4], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]), end=0)
>>> found = [Hypothesis([1, 2], -1.2, -1.2), Hypothesis([2], -0.9, -0.9)]
>>> [each.verdict for each in judge(table, [[], []], found, [[2], [1]], Settings(alpha=0.0))]
['search', 'model']
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from seqcli.decode.settings import Hypothesis, Settings
from seqcli.decode.stepper import Stepper, rows

EQUAL = 1e-6  # nats a token that rounding may make
VERDICTS = ("same", "search", "model")


@dataclass(frozen=True, slots=True)
class Judgement:
    """One hypothesis beside its reference; log-probabilities of the whole, the end with it, in nats."""

    verdict: str  # same, search or model: whose error it is
    hypothesis: float
    reference: float
    hypothesis_score: float  # normalised: what the verdict goes by
    reference_score: float


def judge(
    stepper: Stepper, batch: Sequence[Any], hypotheses: Sequence[Hypothesis], references: Sequence[Sequence[int]], settings: Settings
) -> list[Judgement]:
    """Who is to blame, for each of B prompts or sources; references come without their ends.

    A hypothesis that was cut at the maximal length counts as the search counted it, without an end.
    """
    mine = [each.tokens for each in hypotheses]
    scored = log_likelihood(stepper, [*batch, *batch], [*mine, *references])
    found = []
    for hypothesis, reference, a, b in zip(hypotheses, references, scored, scored[len(batch) :], strict=False):
        log_prob, wanted = sum(a[: 1 + hypothesis.ended]), sum(b)
        score = log_prob / settings.norm(max(len(hypothesis.tokens) + hypothesis.ended, 1))
        wanted_score = wanted / settings.norm(len(reference) + 1)
        verdict = "search" if wanted_score > score + EQUAL else "model"
        same = hypothesis.tokens == list(reference)
        found.append(Judgement("same" if same else verdict, log_prob, wanted, score, wanted_score))
    return found


def log_likelihood(stepper: Stepper, batch: Sequence[Any], texts: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
    """Log P of the tokens of each of B texts after its prompt or source, and of its end then: forced decoding, all texts at once."""
    if not batch:
        return []
    with torch.inference_mode():
        last, state = stepper.start(batch)
        longest = max(map(len, texts))
        padded = [[*text] + [stepper.end] * (longest + 1 - len(text)) for text in texts]
        targets = torch.tensor(padded, device=last.device)  # (N, L + 1)
        lengths = torch.tensor([len(text) for text in texts], device=last.device)
        numbers = torch.arange(len(batch), device=last.device)  # (N,) those that go on
        found = torch.zeros(len(batch), 2, dtype=torch.float64, device=last.device)
        for t in range(longest + 1):
            log_probs, state = stepper.step(last, state)
            last = targets[:, t]
            at_end = (lengths == t).long()
            found[numbers, at_end] += log_probs.gather(1, last[:, None])[:, 0].double()
            if bool(at_end.any()):
                last, state, targets, lengths, numbers = rows((last, state, targets, lengths, numbers), (lengths > t).nonzero()[:, 0])
    return [(tokens, end) for tokens, end in found.tolist()]


def shares(judgements: Sequence[Judgement]) -> dict[str, float]:
    """The share of each verdict, from 0 to 1.

    >>> shares([Judgement("same", -1, -1, -1, -1), Judgement("model", -1, -2, -1, -2)])
    {'same': 0.5, 'search': 0.0, 'model': 0.5}
    """
    count = max(len(judgements), 1)
    return {verdict: sum(each.verdict == verdict for each in judgements) / count for verdict in VERDICTS}
