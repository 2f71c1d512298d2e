"""A search written down: at each step what was looked at, and what became of it.

A `Tracer` watches a beam search (`BeamSearch(watch=…)`) and keeps a tree a sentence. Its nodes are candidates: kept, ended (by the end
token), stopped (by a text) or dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqcli.decode.beam import Step

ROOT = -1
IMPOSSIBLE = float("-inf")
FATES = ("kept", "ended", "stopped", "dropped")


@dataclass(frozen=True, slots=True)
class Node:
    """A candidate."""

    step: int  # from 1
    parent: int  # in `Trace.nodes`, or ROOT
    token: int
    gain: float  # log-probability of the token
    log_prob: float  # of all tokens so far
    score: float  # what candidates are chosen by: with the rules
    fate: str  # kept, ended, stopped or dropped


@dataclass(slots=True)
class Trace:
    """The search in one sentence: nodes in the order of their steps, the best of a step first."""

    nodes: list[Node] = field(default_factory=list)
    rows: list[int] = field(default_factory=lambda: [ROOT])  # the node in each row of the beam

    def path(self, node: int) -> list[int]:
        """The nodes from the first step to this one."""
        found = []
        while node != ROOT:
            found.append(node)
            node = self.nodes[node].parent
        return found[::-1]

    def tokens(self, node: int) -> list[int]:
        """The tokens on the way to a node."""
        return [self.nodes[each].token for each in self.path(node)]

    def steps(self) -> list[list[int]]:
        """The nodes of each step."""
        found: list[list[int]] = []
        for number, node in enumerate(self.nodes):
            if node.step > len(found):
                found.append([])
            found[-1].append(number)
        return found

    def find(self, tokens: Sequence[int], end: int | None) -> list[int]:
        """The way of a hypothesis through the tree, the end with it where one is given; as far as it was kept."""
        way: list[int] = []
        children: dict[tuple[int, int], int] = {
            (node.parent, node.token): number for number, node in enumerate(self.nodes) if node.fate != "dropped"
        }
        for token in [*tokens, *([] if end is None else [end])]:
            here = children.get((way[-1] if way else ROOT, token))
            if here is None:
                break
            way.append(here)
        return way


class Tracer:
    """Keeps the traces of a batch, one a sentence."""

    def __init__(self, batch: int) -> None:
        self.traces = [Trace() for _ in range(batch)]
        self.steps = 0

    def __call__(self, step: Step) -> None:
        """One step of the search."""
        self.steps += 1
        candidates = step.candidates
        columns = (candidates.parent, candidates.token, step.gains, candidates.score, candidates.finish, candidates.live)
        stopped = step.stopped.view(len(step.sentences), -1).tolist() if step.stopped is not None else None
        for place, (number, *lists) in enumerate(zip(step.sentences, *(x.tolist() for x in columns), strict=True)):
            self.extend(self.traces[number], lists, stopped[place] if stopped else [])

    def extend(self, trace: Trace, lists: Sequence[Sequence[Sequence[float]]], stopped: Sequence[bool]) -> None:
        """The candidates of one sentence, group by group."""
        rows: list[int] = []
        found: list[Node] = []
        for parents, tokens, gains, scores, finish, live in zip(*lists, strict=True):
            spots = {int(m): len(rows) + j for j, m in enumerate(live) if scores[int(m)] > IMPOSSIBLE}
            rows += [ROOT] * len(live)
            for m, (parent, token, gain, score, ends) in enumerate(zip(parents, tokens, gains, scores, finish, strict=True)):
                if score == IMPOSSIBLE:
                    continue
                spot, before = spots.get(m), trace.rows[int(parent)]
                fate = "ended" if ends else "dropped"
                if spot is not None:
                    fate = "stopped" if stopped and stopped[spot] else "kept"
                    rows[spot] = len(trace.nodes) + len(found)
                log_prob = gain + (trace.nodes[before].log_prob if before != ROOT else 0.0)
                found.append(Node(self.steps, before, int(token), gain, log_prob, score, fate))
        trace.nodes += found
        trace.rows = rows
