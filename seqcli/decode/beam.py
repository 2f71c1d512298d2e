"""Beam search over many sentences at once.

At each step a sentence has K hypotheses, and of all their continuations the K best go on. Those that end among the K best are kept in
a pool of K. Search in a sentence stops

* when no hypothesis can still beat the worst of the n best kept (`exact`): log-probabilities only fall, so one of log-probability s
  can at best have the score s / norm(longest length);
* or, unless `stop` is `exact`, when the pool is full and no hypothesis would beat the worst of it if it ended next, at no cost
  (`likely`); or if it had ended already, as transformers asks (`current`; its early_stopping=False, where exact is "never"); or at
  once (`full`; early_stopping=True).

None of these rules changes the best hypothesis when more of them are asked for. What is done leaves the batch, and the model's state is
brought into order once a step, where the order changed.

>>> from seqcli.decode.stepper import Table
>>> table = Table(torch.tensor([[0.0, 0.6, 0.4], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]), end=0)
>>> for beam in 1, 2:                              # the likelier first token has no likely end
...     (found,), = BeamSearch(table, Settings(beam=beam, alpha=0.0, max_length=3)).run([[]])
...     print(found.tokens, round(2.718281828 ** found.log_prob, 3))
[1, 2] 0.3
[2] 0.4
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from seqcli.decode.candidates import Best, Candidates, Diverse, settle
from seqcli.decode.phrases import Phrases, holds
from seqcli.decode.rules import NEVER, Rules, Spell, ending, refuse_nan
from seqcli.decode.settings import Hypothesis, Settings
from seqcli.decode.stepper import Attending, State, Stepper, reorder, rows
from seqcli.errors import UsageFailure

TINY = 1e-20  # of a source's place that was not looked at


@dataclass(slots=True)
class Step:
    """What a search looked at in one step; M candidates a group of each of B sentences."""

    sentences: list[int]  # (B,) their numbers in the batch
    candidates: Candidates
    gains: Tensor  # (B, G, M) log-probability of each candidate's token
    stopped: Tensor | None  # (R,) bool: of those that go on, which a text ended


Watch = Callable[[Step], None]


@dataclass(slots=True)
class Beams:
    """The sentences that are searched; R = B W rows."""

    sentences: list[int]  # (B,)
    last: Tensor  # (R,)
    state: State  # R rows
    tokens: Tensor  # (R, H + t) what was said before, and what was written
    sums: Tensor  # (R,) log-probability
    scores: Tensor  # (R,) with the rules; -inf: nothing lives here
    coverage: Tensor | None = None  # (R, S) attention, summed


class Pool:
    """The best that ended, of one group of one sentence."""

    def __init__(self, size: int, wanted: int) -> None:
        self.size, self.wanted = size, wanted
        self.kept: list[Hypothesis] = []

    def add(self, hypothesis: Hypothesis) -> None:
        """Keep it, if it is one of the best."""
        insort(self.kept, hypothesis, key=rank)
        del self.kept[self.size :]

    def beats(self, count: int) -> float:
        """What has to be beaten to be among the `count` best; -inf while there are fewer."""
        last = self.kept[count - 1] if len(self.kept) >= count else None
        return last.score if last is not None and last.complete else NEVER


def rank(hypothesis: Hypothesis) -> tuple[bool, float]:
    """The order of hypotheses, best first: the smallest first, as sorting wants it."""
    return not hypothesis.complete, -hypothesis.score


class BeamSearch:
    """A search with its settings; `run` may be called for batch after batch.

    `spell` is needed where texts end hypotheses (`settings.ends`); `watch` is shown every step.

    Raises:
        UsageFailure: a coverage penalty, and a model that attends to no source.
        Failure: the model's log-probabilities are not numbers.
    """

    def __init__(self, stepper: Stepper, settings: Settings, spell: Spell | None = None, watch: Watch | None = None) -> None:
        self.stepper, self.settings, self.spell, self.watch = stepper, settings, spell, watch
        self.rules = Rules(settings, stepper.end)
        self.groups, self.size = settings.groups, settings.beam // settings.groups
        self.choose: Callable[[Tensor, Tensor, Tensor], Candidates]
        if settings.phrases:
            self.choose = Phrases(settings.beam, settings.phrases, stepper.end)
        elif settings.groups > 1:
            self.choose = Diverse(settings.beam, settings.groups, settings.diversity, stepper.end)
        else:
            self.choose = Best(settings.beam, stepper.end)
        self.looks = stepper if settings.coverage and isinstance(stepper, Attending) else None
        if settings.coverage and self.looks is None:
            raise UsageFailure("--coverage needs a model that attends to a source", hint="leave it out")

    def run(
        self, batch: Sequence[Any], limits: Sequence[int] = (), said: Sequence[Sequence[int]] | None = None
    ) -> list[list[Hypothesis]]:
        """The n best hypotheses of each of B prompts or sources, best first.

        `limits` (B,) are maximal lengths of each, else `settings.max_length`; `said` are the tokens before, as rules look back to them.
        """
        if not batch:
            return []
        with torch.inference_mode():
            return self.search(batch, limits or [self.settings.max_length] * len(batch), said)

    def search(self, batch: Sequence[Any], limits: Sequence[int], said: Sequence[Sequence[int]] | None) -> list[list[Hypothesis]]:
        """Step by step, until every sentence is done."""
        B, wanted = len(batch), -(-self.settings.nbest // self.groups)
        self.pools = [[Pool(self.size, wanted) for _ in range(self.groups)] for _ in range(B)]
        self.limits = limits
        last, state = self.stepper.start(batch)
        tokens = self.rules.history(said, B, last.device)
        self.before = tokens.shape[1]
        zeros = torch.zeros(B, dtype=torch.float64, device=last.device)
        beams = Beams(list(range(B)), last, state, tokens, zeros, zeros)
        for t in range(max(limits)):
            log_probs, beams.state = self.stepper.step(beams.last, beams.state)
            if self.looks is not None:
                beams.coverage = covered(beams.coverage, *self.looks.attention(beams.state))
            self.extend(beams, log_probs, t)
            if not beams.sentences:
                break
        return [merged(pools)[: self.settings.nbest] for pools in self.pools]

    def extend(self, beams: Beams, log_probs: Tensor, t: int) -> None:
        """One step: candidates, what becomes of them, and who is done."""
        B, V = len(beams.sentences), self.stepper.size
        scores = beams.scores.view(B, -1)  # (B, W)
        if t < len(self.settings.prefix):
            candidates = forced_to(self.settings.prefix[t], log_probs, scores)
        else:
            ruled = self.rules(log_probs, beams.tokens, t).view(B, -1, V)
            candidates = self.choose(ruled, scores, beams.tokens[:, self.before :].view(*scores.shape, t))
        refuse_nan(candidates.score)
        parent = torch.arange(B, device=scores.device)[:, None, None] * scores.shape[1] + candidates.parent  # rows
        gains = log_probs.reshape(-1).take(parent * V + candidates.token)
        self.keep_ended(beams, candidates, parent, gains, t)
        self.keep_dead_ends(beams, candidates, t)
        settle(candidates, scores.shape[1])
        index, token, score, gain = (
            x.gather(2, candidates.live).view(-1) for x in (parent, candidates.token, candidates.score, gains)
        )  # (R,)
        beams.tokens = torch.cat([beams.tokens[index], token[:, None]], 1)
        beams.sums, beams.scores, beams.last = beams.sums[index] + gain, score, token
        stopped = self.keep_stopped(beams, index, t)
        if self.watch is not None:
            self.watch(Step(beams.sentences, candidates, gains, stopped))
        self.move(beams, index, self.going(beams, index, t), scores.numel())

    def keep_ended(self, beams: Beams, candidates: Candidates, parent: Tensor, gains: Tensor, t: int) -> None:
        """Put what ends now into its pool."""
        places = candidates.finish.nonzero()
        if not len(places):
            return
        at = tuple(places.T)
        found = zip(places.tolist(), parent[at].tolist(), candidates.score[at].tolist(), gains[at].tolist(), strict=True)
        for (sentence, group, _), row, score, gain in found:
            self.keep(beams, self.pools[beams.sentences[sentence]][group], row, row, float(beams.sums[row]) + gain, score, t + 1)

    def keep_dead_ends(self, beams: Beams, candidates: Candidates, t: int) -> None:
        """Where the rules leave a sentence without any continuation, keep the best that there was, cut."""
        going_on = (candidates.score > NEVER).flatten(1).any(1).tolist()
        if all(going_on):
            return
        for sentence, alive in enumerate(going_on):
            pools = self.pools[beams.sentences[sentence]]
            if not alive and not any(pool.kept for pool in pools):
                width = len(beams.scores) // len(going_on)
                row = sentence * width + int(beams.scores[sentence * width : (sentence + 1) * width].argmax())
                self.keep(beams, pools[0], row, row, float(beams.sums[row]), float(beams.scores[row]), max(t, 1), ended=False)

    def keep_stopped(self, beams: Beams, index: Tensor, t: int) -> Tensor | None:
        """Put hypotheses that hold a text that ends them into their pools; which they are, (R,) bool."""
        if not self.settings.ends or self.spell is None:
            return None
        stopped = torch.zeros(len(index), dtype=torch.bool, device=index.device)
        width = len(index) // len(beams.sentences)
        for row in (beams.scores > NEVER).nonzero()[:, 0].tolist():
            if ending(self.spell(beams.tokens[row, self.before :].tolist()), self.settings.ends) is not None:
                pool = self.pools[beams.sentences[row // width]][row % width // self.size if width > 1 else 0]
                self.keep(beams, pool, row, int(index[row]), float(beams.sums[row]), float(beams.scores[row]), t + 1)
                stopped[row] = True
        beams.scores = beams.scores.masked_fill(stopped, NEVER)
        return stopped

    def keep(
        self, beams: Beams, pool: Pool, row: int, source: int, log_prob: float, score: float, length: int, ended: bool = True
    ) -> None:
        """The hypothesis of a row into a pool; `length` counts the end, `source` is the row of its coverage."""
        ids = beams.tokens[row, self.before :].tolist()
        ranked = score / self.settings.norm(length)
        if beams.coverage is not None:
            ranked += self.settings.coverage * float(beams.coverage[source].clamp(TINY, 1.0).log().sum())
        complete = all(holds(ids, phrase) for phrase in self.settings.phrases)
        pool.add(Hypothesis(ids, log_prob, ranked, ended, complete))

    def going(self, beams: Beams, index: Tensor, t: int) -> list[int]:
        """The sentences, as places in the batch that is searched, that are not done."""
        B = len(beams.sentences)
        groups = self.groups if len(beams.scores) > B else 1
        best: list[list[float]] = beams.scores.view(B, groups, -1).amax(2).tolist()
        found = []
        for place, (number, scores) in enumerate(zip(beams.sentences, best, strict=True)):
            if t + 1 >= self.limits[number]:
                self.keep_cut(beams, index, place, t)
                continue
            done = [
                score == NEVER or self.decided(pool, score, t + 1, self.limits[number])
                for score, pool in zip(scores, self.pools[number], strict=False)
            ]
            if not all(done):
                found.append(place)
                for group in range(groups * any(done)):
                    if done[group]:
                        beams.scores.view(B, groups, -1)[place, group] = NEVER
        return found

    def decided(self, pool: Pool, score: float, length: int, limit: int) -> bool:
        """Whether nothing of `length` tokens and at most this score can, or is likely to, become one of the best."""
        if self.size == 1 and pool.kept and pool.kept[0].complete:  # greedy: the first end is the last
            return True
        if score / self.settings.norm(limit) <= pool.beats(pool.wanted):
            return True
        if self.settings.stop in ("exact", "full"):
            return self.settings.stop == "full" and pool.beats(self.size) > NEVER
        reached = min(length + 1, limit) if self.settings.stop == "likely" else length
        return score / self.settings.norm(reached) <= pool.beats(self.size)

    def keep_cut(self, beams: Beams, index: Tensor, place: int, t: int) -> None:
        """Put what is as long as it may become into the pools, as it is."""
        width = len(beams.scores) // len(beams.sentences)
        for row in range(place * width, (place + 1) * width):
            score = float(beams.scores[row])
            if score > NEVER:
                pool = self.pools[beams.sentences[place]][row % width // self.size if width > 1 else 0]
                self.keep(beams, pool, row, int(index[row]), float(beams.sums[row]), score, t + 1, ended=False)

    def move(self, beams: Beams, index: Tensor, going: list[int], size: int) -> None:
        """Bring the state, of `size` rows, into the order of the hypotheses, those of sentences that are done left out."""
        B = len(beams.sentences)
        if len(going) < B:
            kept = torch.tensor(going, dtype=torch.long, device=index.device)
            index, beams.last, beams.tokens, beams.sums, beams.scores = (
                x.view(B, -1, *x.shape[1:])[kept].flatten(0, 1) for x in (index, beams.last, beams.tokens, beams.sums, beams.scores)
            )
            beams.sentences = [beams.sentences[place] for place in going]
        beams.state, beams.coverage = (reorder if len(index) == size else rows)((beams.state, beams.coverage), index)


def forced_to(token: int, log_probs: Tensor, scores: Tensor) -> Candidates:
    """The one continuation of each sentence (B, 1) by a token that has to come."""
    score = (scores + log_probs[:, token, None])[:, :, None]  # (B, 1, 1)
    nothing = torch.zeros_like(score, dtype=torch.long)
    return Candidates(nothing, nothing + token, score, nothing.bool(), nothing)


def covered(before: Tensor | None, weights: Tensor, real: Tensor) -> Tensor:
    """Attention (N, S) added to what was there; places that are not real count as covered."""
    return ((~real).to(weights.dtype) if before is None else before) + weights


def merged(pools: Sequence[Pool]) -> list[Hypothesis]:
    """The hypotheses of one sentence: the best of each group first, the better before the worse, then the second of each."""
    if len(pools) == 1:
        return pools[0].kept
    rounds = zip_longest(*(pool.kept for pool in pools))
    found = [each for turn in rounds for each in sorted((one for one in turn if one is not None), key=rank)]
    return list({tuple(each.tokens): each for each in reversed(found)}.values())[::-1]
