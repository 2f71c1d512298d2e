"""One hypothesis at a time: greedy search and sampling.

Both write one token a step and differ in how it is chosen. Sampling draws from the model's distribution after it was sharpened
(`temperature`) and cut: `top_k` keeps the k likeliest tokens (Fan et al. 2018), `top_p` the fewest that hold a share p (Holtzman et
al. 2020), `typical` the fewest that do so whose information is closest to the entropy (Meister et al. 2023), `min_p` those at least so
likely as a share of the likeliest (Nguyen et al. 2024).

Every text has random numbers of its own, by the seed, the number of its prompt and of the sample: a batch of any size draws the same.

>>> from seqcli.decode.stepper import Table
>>> bigrams = Table(torch.tensor([[0.0, 0.9, 0.1], [0.5, 0.1, 0.4], [1.0, 0.0, 0.0]]), end=0)
>>> [hypothesis.tokens for (hypothesis,) in greedy(bigrams, [[], [2]], Settings())]
[[1], []]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqcli.decode.rules import NEVER, Rules, Spell, ending, largest, refuse_nan
from seqcli.decode.settings import Hypothesis, Settings
from seqcli.decode.stepper import State, Stepper, repeat, rows

FEW = 256  # tokens that are looked at first for a share
Choose = Callable[[Tensor, Tensor, int], Tensor]  # log-probabilities (N, V), which texts these are (N,), step → tokens (N,)


def greedy(
    stepper: Stepper, batch: Sequence[Any], settings: Settings, *,
    limits: Sequence[int] = (), said: Sequence[Sequence[int]] | None = None, spell: Spell | None = None,
) -> list[list[Hypothesis]]:  # fmt: skip
    """The likeliest token at each step: one hypothesis a prompt."""
    return follow(stepper, batch, settings, lambda log_probs, *_: likeliest(log_probs), limits, said, spell)


def likeliest(log_probs: Tensor) -> Tensor:
    """The likeliest token of each row of (N, V), the first of equals: (N,). On a CPU numpy looks faster than torch.

    >>> likeliest(torch.tensor([[0.5, 0.2, 0.3], [0.1, 0.45, 0.45]]).log()).tolist()
    [0, 1]
    """
    if log_probs.is_cuda:
        return log_probs.argmax(1)
    return torch.from_numpy(log_probs.numpy().argmax(1))


def sample(
    stepper: Stepper, batch: Sequence[Any], settings: Settings, *,
    limits: Sequence[int] = (), said: Sequence[Sequence[int]] | None = None, spell: Spell | None = None,
    numbers: Sequence[int] = (), first: int = 0,
) -> list[list[Hypothesis]]:  # fmt: skip
    """`settings.samples` texts a prompt, in the order they were drawn.

    `numbers` (B,) say which prompts these are [0, 1, …], and `first` how many texts of each were drawn before.
    """
    longest = max(limits, default=settings.max_length)
    numbers = numbers or range(len(batch))
    uniform = torch.from_numpy(np.stack([
        np.random.default_rng([settings.seed, number, copy]).random(longest)
        for number in numbers for copy in range(first, first + settings.samples)
    ])) if batch else torch.zeros(0, 0)  # (N, longest)  # fmt: skip

    def choose(log_probs: Tensor, texts: Tensor, t: int) -> Tensor:
        drawn = uniform[texts.cpu(), t].to(log_probs.device)
        log_probs = (log_probs - log_probs.amax(1, keepdim=True)) / settings.temperature
        if 0 < settings.top_k < log_probs.shape[1]:
            kept, tokens = largest(log_probs, settings.top_k)
            return tokens.gather(1, draw(cut(kept, settings), drawn)[:, None])[:, 0]
        return draw(cut(log_probs, settings), drawn)

    return follow(stepper, batch, settings, choose, limits, said, spell, settings.samples)


def cut(log_probs: Tensor, settings: Settings) -> Tensor:
    """Log-probabilities (N, V), of any sum, without the tail that the settings leave out."""
    if settings.top_p < 1:
        log_probs = nucleus(log_probs.log_softmax(1), settings.top_p)
    if settings.min_p > 0:
        least = log_probs.amax(1, keepdim=True) + float(np.log(settings.min_p))
        log_probs = log_probs.masked_fill(log_probs < least, NEVER)
    if settings.typical < 1:
        log_probs = typical(log_probs.log_softmax(1), settings.typical)
    return log_probs


def nucleus(log_probs: Tensor, share: float) -> Tensor:
    """The fewest tokens, likeliest first, that hold the share together; the others are impossible.

    >>> nucleus(torch.tensor([[0.5, 0.3, 0.2]]).log(), 0.6).exp().tolist()[0][2]
    0.0
    """
    return fewest(log_probs, -log_probs, share)


def typical(log_probs: Tensor, share: float) -> Tensor:
    """The fewest tokens, those first whose information is closest to the entropy, that hold the share together."""
    entropy = torch.special.entr(log_probs.exp()).sum(1, keepdim=True)
    return fewest(log_probs, (-log_probs - entropy).abs(), share)


def fewest(log_probs: Tensor, order: Tensor, share: float) -> Tensor:
    """Log-probabilities (N, V) without those that are not needed for the share, the smallest `order` (N, V) first.

    A few hundred tokens hold most shares of most distributions, so all are sorted only where these do not.
    """
    V = log_probs.shape[1]
    for few in (FEW, 16 * FEW, V):
        places = largest(-order, min(few, V))[1]
        values = log_probs.gather(1, places)
        held = values.exp().cumsum(1, dtype=torch.float64)
        if few >= V or bool((held[:, -1] >= share).all()):
            break
    needed = held - values.exp() < share
    return torch.full_like(log_probs, NEVER).scatter(1, places, values.masked_fill(~needed, NEVER))


def draw(log_probs: Tensor, uniform: Tensor) -> Tensor:
    """Where random numbers (N,) between 0 and 1 fall in the cumulated probabilities of rows (N, V): tokens (N,).

    >>> draw(torch.tensor([[0.5, 0.0, 0.5]] * 2).log(), torch.tensor([0.4, 0.5])).tolist()
    [0, 2]
    """
    total = (log_probs - log_probs.amax(1, keepdim=True)).exp().cumsum(1, dtype=torch.float64)
    last = total[:, -1]
    at = torch.minimum(uniform * last, torch.nextafter(last, torch.zeros_like(last)))
    return torch.searchsorted(total, at[:, None], right=True)[:, 0].clamp(max=total.shape[1] - 1)


def follow(
    stepper: Stepper, batch: Sequence[Any], settings: Settings, choose: Choose,
    limits: Sequence[int] = (), said: Sequence[Sequence[int]] | None = None, spell: Spell | None = None, copies: int = 1,
) -> list[list[Hypothesis]]:  # fmt: skip
    """Write `copies` texts a prompt, each token as `choose` says; what has ended leaves the batch.

    Raises:
        Failure: the model's log-probabilities are not numbers.
    """
    if not batch:
        return []
    with torch.inference_mode():
        rules = Rules(settings, stepper.end)
        last, state = stepper.start(batch)
        tokens = rules.history(said, len(batch), last.device)
        room = torch.tensor(limits or [settings.max_length] * len(batch), device=last.device)
        texts = Texts(last, state, tokens, room, torch.zeros(len(batch), 2, dtype=torch.float64, device=last.device))
        if copies > 1:
            texts = repeat(texts, copies, len(batch))
        found = write(stepper, texts, settings, rules, choose, spell)
    return [found[i : i + copies] for i in range(0, len(found), copies)]


@dataclass(slots=True)
class Texts:
    """What is being written, N texts of them."""

    last: Tensor  # (N,)
    state: State  # N rows
    tokens: Tensor  # (N, H + t) what was said before, and what was written
    room: Tensor  # (N,) maximal lengths
    sums: Tensor  # (N, 2) log-probability; and with the rules


def write(stepper: Stepper, texts: Texts, settings: Settings, rules: Rules, choose: Choose, spell: Spell | None) -> list[Hypothesis]:
    """Step by step, until every text has ended or is as long as it may be."""
    before, longest = texts.tokens.shape[1], int(texts.room.max())
    numbers = torch.arange(len(texts.last), device=texts.last.device)  # (N,) those still written
    found: dict[int, Hypothesis] = {}
    for t in range(longest):
        log_probs, texts.state = stepper.step(texts.last, texts.state)
        if t < len(settings.prefix):
            ruled, token = log_probs, torch.full_like(texts.last, settings.prefix[t])
        else:
            ruled = rules(log_probs, texts.tokens, t)
            token = choose(ruled, numbers, t)
        gain = log_probs.gather(1, token[:, None]).double()  # (N, 1)
        gains = torch.cat([gain, gain if ruled is log_probs else ruled.gather(1, token[:, None])], 1)  # (N, 2)
        refuse_nan(gains)
        dead = gains[:, 1] == NEVER  # the rules forbid every token
        token = torch.where(dead, stepper.end, token)
        texts.last, texts.tokens = token, torch.cat([texts.tokens, token[:, None]], 1)
        texts.sums = texts.sums + gains.masked_fill(dead[:, None], 0.0)
        ended = token == stepper.end
        if settings.ends and spell is not None:
            ended = ended | stops(texts.tokens[:, before:], spell, settings, stepper.end)
        done = ended | (texts.room == t + 1)
        if not bool(done.any()):
            continue
        for row in done.nonzero()[:, 0].tolist():
            ids = [i for i in texts.tokens[row, before:].tolist() if i != stepper.end]
            log_prob, score = texts.sums[row].tolist()
            whole = bool(ended[row]) and not bool(dead[row])
            found[int(numbers[row])] = Hypothesis(ids, log_prob, score / settings.norm(max(t + whole, len(ids), 1)), whole)
        if bool(done.all()):
            break
        numbers, texts = rows((numbers, texts), (~done).nonzero()[:, 0])
    return [found[number] for number in range(len(found))]


def stops(tokens: Tensor, spell: Spell, settings: Settings, end: int) -> Tensor:
    """Which of the texts (N, T) hold a string that ends them, (N,) bool."""
    hits = [ending(spell([i for i in ids if i != end]), settings.ends) is not None for ids in tokens.tolist()]
    return torch.tensor(hits, dtype=torch.bool, device=tokens.device)
