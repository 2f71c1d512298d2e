"""Models small enough for every text to be looked at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from seqcli.decode.settings import Hypothesis, Settings
from seqcli.decode.stepper import Table


def texts(table: Table, prompt: Sequence[int], longest: int) -> Iterator[tuple[list[int], float, bool]]:
    """Every text of at most `longest` tokens, the end among them, with its log-probability and whether it ended."""
    probs = table.log_probs.tolist()

    def after(history):
        found = probs
        for token in history[len(history) - table.order :]:
            found = found[token]
        return found

    def grow(tokens, log_prob):
        if len(tokens) == longest:
            yield tokens, log_prob, False
            return
        following = after([*[table.end] * table.order, *prompt, *tokens])
        for token, gain in enumerate(following):
            if gain == -math.inf:
                continue
            if token == table.end:
                yield tokens, log_prob + gain, True
            else:
                yield from grow([*tokens, token], log_prob + gain)

    yield from grow([], 0.0)


def exhaustive(table: Table, prompt: Sequence[int], settings: Settings, allowed=lambda tokens: True) -> list[Hypothesis]:
    """All that search could find, best first."""
    found = [
        Hypothesis(tokens, log_prob, log_prob / settings.norm(len(tokens) + ended), ended)
        for tokens, log_prob, ended in texts(table, prompt, settings.max_length)
        if allowed(tokens) and not (ended and len(tokens) < settings.min_length)
    ]
    return sorted(found, key=lambda each: -each.score)


def same(found: Sequence[Hypothesis], wanted: Sequence[Hypothesis]) -> bool:
    """Whether two lists are the same but for rounding, and for the order of those that are equally good."""

    def ordered(hypotheses):
        least = min((each.score for each in hypotheses), default=0.0)  # of several as bad as the worst, any may be told
        above = [each for each in hypotheses if each.score > least + 1e-9 or len(hypotheses) == 1]
        return sorted((round(each.score, 8), each.tokens, each.ended, round(each.log_prob, 8)) for each in above)

    scores = zip(found, wanted, strict=False)
    return (
        len(found) == len(wanted)
        and all(math.isclose(a.score, b.score, abs_tol=1e-9) for a, b in scores)
        and ordered(found) == ordered(wanted)
    )


class Words:
    """A generator over a few words: what `seq beam` asks of a model."""

    def __init__(self, table: Table, words: Sequence[str], context: int | None = None) -> None:
        self.table, self.words, self.context = table, ["</s>", *words], context
        self.size, self.end = table.size, table.end
        self.start, self.step = table.start, table.step
        self.prepared: list[int] = []  # lines at once

    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        self.prepared.append(len(lines))
        return [[self.words.index(word) for word in line.split()] for line in lines]

    def text(self, ids: Sequence[int]) -> str:
        return " ".join(self.words[i] for i in ids)

    def spell(self, ids: Sequence[int]) -> list[str]:
        return [self.words[i] for i in ids]
