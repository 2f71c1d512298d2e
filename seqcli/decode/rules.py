"""What is forbidden or made dearer while a hypothesis is written: a change of the log-probabilities of a step, for all rows at once.

Nothing is touched, and nothing copied, where nothing was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqcli.decode.settings import Settings
from seqcli.errors import Failure

NEVER = -torch.inf
LARGE = 4096  # scores of a row from which blocks are worth while
NONE = -1  # stands in a history before its first token
Spell = Callable[[Sequence[int]], str]  # ids → text


class Rules:
    """The rules of a search; called with log-probabilities (N, V), the tokens so far (N, T) and how many of them it has chosen."""

    def __init__(self, settings: Settings, end: int) -> None:
        self.settings, self.end = settings, end
        self.looks_back = settings.no_repeat > 0 or settings.repetition != 1.0

    def __call__(self, log_probs: Tensor, tokens: Tensor, written: int) -> Tensor:
        """The log-probabilities as changed, (N, V); the tensor itself where no rule applies."""
        settings, short = self.settings, written < self.settings.min_length
        if not (self.looks_back or short):
            return log_probs
        found = log_probs.clone()
        if settings.repetition != 1.0:
            penalize_repetition(found, tokens, settings.repetition)
        if settings.no_repeat:
            forbid_repeats(found, tokens, settings.no_repeat)
        if short:
            found[:, self.end] = NEVER
        return found

    def history(self, said: Sequence[Sequence[int]] | None, batch: int, device: torch.device) -> Tensor:
        """What was said before, (B, H), NONE on the left of what is shorter; nothing where no rule looks back."""
        before = said if said is not None and self.looks_back else [()] * batch
        longest = max(map(len, before), default=0)
        return torch.tensor([[NONE] * (longest - len(ids)) + [*ids] for ids in before], dtype=torch.long, device=device).view(
            batch, longest
        )


def penalize_repetition(log_probs: Tensor, tokens: Tensor, penalty: float) -> None:
    """Multiply the log-probability of what is among the tokens (Keskar et al. 2019), in place: above 1 it becomes less likely."""
    seen = torch.zeros(len(log_probs), log_probs.shape[1] + 1, dtype=torch.bool, device=log_probs.device)
    seen.scatter_(1, tokens.masked_fill(tokens == NONE, log_probs.shape[1]), value=True)
    log_probs.copy_(torch.where(seen[:, :-1], log_probs * penalty, log_probs))


def forbid_repeats(log_probs: Tensor, tokens: Tensor, n: int) -> None:
    """Forbid what would complete an n-gram that is among the tokens (Paulus et al. 2018), in place.

    >>> log_probs = torch.zeros(1, 4)
    >>> forbid_repeats(log_probs, torch.tensor([[1, 2, 3, 1]]), 2)          # 1 2 was there
    >>> log_probs.tolist()
    [[0.0, 0.0, -inf, 0.0]]
    """
    if tokens.shape[1] < n:
        return
    grams = tokens.unfold(1, n, 1)  # (N, T - n + 1, n)
    here = tokens[:, tokens.shape[1] - n + 1 :]  # (N, n - 1)
    again = (grams[:, :, :-1] == here[:, None]).all(2) & (grams != NONE).all(2)
    dearer = torch.where(again, NEVER, 0.0).to(log_probs.dtype)
    log_probs.scatter_add_(1, grams[:, :, -1].clamp(min=0), dearer)


def largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of each row of (N, V), best first, and where they stand: (N, k) each.

    A row with more than k blocks whose largest is larger than a value has more than k larger values: so only the k blocks with the
    largest maxima are looked into. Maxima take one pass at the speed of memory; sorting does not.

    >>> largest(torch.tensor([[3.0, 9.0, 5.0]]), 2)[1].tolist()
    [[1, 2]]
    """
    N, V = scores.shape
    size = max(64, int((V / k) ** 0.5))
    blocks = V // size
    if V < LARGE or k >= blocks // 2 or scores.is_cuda:
        values, places = scores.topk(k, 1)
        return values, places
    whole = (
        scores[:, : blocks * size].view(N, blocks, size)
        if scores.is_contiguous()
        else scores[:, : blocks * size].reshape(N, blocks, size)
    )
    chosen = whole.amax(2).topk(k, 1).indices.sort(1).values  # (N, k)
    inside = whole.gather(1, chosen[:, :, None].expand(-1, -1, size)).view(N, k * size)
    where = (chosen[:, :, None] * size + torch.arange(size, device=scores.device)).view(N, k * size)
    if blocks * size < V:
        rest = torch.arange(blocks * size, V, device=scores.device).expand(N, -1)
        inside, where = torch.cat([inside, scores[:, blocks * size :]], 1), torch.cat([where, rest], 1)
    values, places = inside.topk(k, 1)
    return values, where.gather(1, places)


def ending(text: str, ends: Sequence[str]) -> str | None:
    """A text up to the first of the strings that end it; None where none occurs.

    >>> ending("one. two!", (".", "!")), ending("one", (".",))
    ('one', None)
    """
    places = [place for place in (text.find(end) for end in ends) if place >= 0]
    return text[: min(places)] if places else None


def refuse_nan(chosen: Tensor) -> None:
    """Raises Failure: the model's probabilities are not numbers."""
    if bool(chosen.isnan().any()):
        raise Failure("the model's log-probabilities are not numbers (NaN)", hint="its weights are broken: train it again")
