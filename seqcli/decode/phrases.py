"""Lexical constraints: hypotheses that must hold given phrases, by dynamic beam allocation (Post and Vilar 2018).

The beam is shared among banks, one for each number of tokens of the phrases that a hypothesis holds already, so that those which make
progress are not crowded out by likelier ones that make none. Room that a bank does not need goes to the others.

>>> progress([5, 7, 8], [(7, 8, 9), (5,)])        # two tokens of the first phrase, and the second one whole
[2, 1]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqcli.decode.candidates import Candidates, best
from seqcli.decode.rules import NEVER

Phrase = Sequence[int]


class Candidate(NamedTuple):
    """A continuation of one hypothesis."""

    score: float
    parent: int
    token: int


class Phrases:
    """Chooses candidates so that every phrase gets its chance; no hypothesis ends before it holds all."""

    def __init__(self, beam: int, phrases: Sequence[Phrase], end: int) -> None:
        self.beam, self.phrases, self.end = beam, list(map(tuple, phrases)), end
        self.wanted = sum(map(len, self.phrases))

    def __call__(self, log_probs: Tensor, scores: Tensor, tokens: Tensor) -> Candidates:
        """From log-probabilities (B, W, V) under the rules, scores (B, W) and tokens (B, W, T); M is what is needed."""
        histories: list[list[list[int]]] = tokens.tolist()
        found = [self.chosen(log_probs[b], scores[b], histories[b]) for b in range(len(histories))]
        M = max(2 * self.beam, *(len(candidates) for candidates, _ in found))
        B = len(found)
        parent, token = torch.zeros(2, B, 1, M, dtype=torch.long)
        score = torch.full((B, 1, M), NEVER, dtype=torch.float64)
        finish = torch.zeros(B, 1, M, dtype=torch.bool)
        live = torch.full((B, 1, self.beam), M - 1)
        for b, (candidates, kept) in enumerate(found):
            for m, candidate in enumerate(candidates):
                score[b, 0, m], parent[b, 0, m], token[b, 0, m] = candidate
            finish[b, 0, [m for m in kept if candidates[m].token == self.end]] = True
            going = [m for m in kept if candidates[m].token != self.end]
            live[b, 0, : len(going)] = torch.tensor(going, dtype=torch.long)
        return Candidates(*(x.to(scores.device) for x in (parent, token, score, finish, live)))

    def chosen(self, log_probs: Tensor, scores: Tensor, histories: Sequence[Sequence[int]]) -> tuple[list[Candidate], list[int]]:
        """The candidates of one sentence, best first, the last an impossible one; and which of them are kept."""
        done = [progress(tokens, self.phrases) for tokens in histories]
        log_probs = log_probs.clone()
        for row, parts in enumerate(done):
            if sum(parts) < self.wanted:
                log_probs[row, self.end] = NEVER
        pool: dict[tuple[int, int], float] = {}
        for parent, token, score in zip(*(x[0].tolist() for x in best(log_probs[None], scores[None], 2 * self.beam)), strict=True):
            pool[parent, token] = score
        alive = (scores > NEVER).tolist()
        likeliest = log_probs.argmax(1).tolist()
        for row, parts in enumerate(done):
            nexts = {phrase[part] for phrase, part in zip(self.phrases, parts, strict=True) if part < len(phrase)}
            for token in {*nexts, likeliest[row]} if alive[row] else ():
                pool[row, token] = float(scores[row]) + float(log_probs[row, token])
        candidates = sorted((Candidate(score, *where) for where, score in pool.items() if score > NEVER), reverse=True)
        banks: list[list[int]] = [[] for _ in range(self.wanted + 1)]
        for m, (_, parent, token) in enumerate(candidates):
            held = done[parent] if token == self.end else progress([*histories[parent], token], self.phrases)
            banks[sum(held)].append(m)
        return [*candidates, Candidate(NEVER, 0, self.end)], self.shared(candidates, banks)

    def shared(self, candidates: Sequence[Candidate], banks: Sequence[Sequence[int]]) -> list[int]:
        """The places of the candidates that are kept, as many as the beam is wide and the ends above the last of each bank."""
        room = allotted([sum(candidates[m].token != self.end for m in bank) for bank in banks], self.beam)
        kept = []
        for bank, size in zip(banks, room, strict=True):
            going = [m for m in bank if candidates[m].token != self.end]
            last = going[size] if size < len(going) else len(candidates)  # the first that does not go on
            kept += [m for m in bank if m < last]
        return sorted(kept)


def allotted(sizes: Sequence[int], beam: int) -> list[int]:
    """How many of each bank stay: equal shares, and what one does not need goes to the others, the fuller phrases first.

    >>> allotted([9, 1, 0], 6), allotted([9, 9, 9], 7)
    ([5, 1, 0], [2, 2, 3])
    """
    room = [0] * len(sizes)
    left = min(beam, sum(sizes))
    while left:
        open_banks = [bank for bank in reversed(range(len(sizes))) if room[bank] < sizes[bank]]
        for bank in open_banks[:left]:
            share = max(1, left // len(open_banks))
            more = min(share, sizes[bank] - room[bank], left)
            room[bank], left = room[bank] + more, left - more
    return room


def progress(tokens: Sequence[int], phrases: Iterable[Phrase]) -> list[int]:
    """How many tokens of each phrase there are: all where the text holds it, else those at its very end that begin it."""
    return [len(phrase) if holds(tokens, phrase) else begun(tokens, phrase) for phrase in phrases]


def holds(tokens: Sequence[int], phrase: Phrase) -> bool:
    """Whether the phrase is in the text, in one piece."""
    size, phrase = len(phrase), list(phrase)
    return any(list(tokens[i : i + size]) == phrase for i in range(len(tokens) - size + 1))


def begun(tokens: Sequence[int], phrase: Phrase) -> int:
    """How many tokens at the end of the text begin the phrase.

    >>> begun([1, 2, 1, 2], [1, 2, 3])
    2
    """
    return max((n for n in range(1, min(len(phrase), len(tokens) + 1)) if list(tokens[-n:]) == list(phrase[:n])), default=0)
