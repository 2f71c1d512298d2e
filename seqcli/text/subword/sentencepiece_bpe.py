"""Byte pair encoding as SentencePiece has it: what may be merged is what gives a piece, and the piece's score says when."""

from __future__ import annotations

import heapq
import re

from seqcli.text.subword.sentencepiece_model import Model, Type

MERGED = (Type.NORMAL, Type.USER_DEFINED, Type.UNUSED)
DEEPEST = 100  # how often a piece that must not be used is taken apart


class Merges:
    """The merges of a model, over whole texts."""

    def __init__(self, model: Model, unknown: int) -> None:
        self.unknown = unknown
        self.ids = {piece: i for i, piece in enumerate(model.pieces) if model.types[i] in MERGED}
        self.scores = model.scores
        self.unused = {piece for piece, i in self.ids.items() if model.types[i] == Type.UNUSED}
        symbols = sorted((model.pieces[i] for i, kind in enumerate(model.types) if kind == Type.USER_DEFINED), key=len, reverse=True)
        self.symbols = re.compile("(" + "|".join(map(re.escape, symbols)) + ")") if symbols else None

    def __call__(self, text: str) -> list[int]:
        """The ids of a text."""
        if self.symbols is None:
            return self.merged(text)
        found: list[int] = []  # symbols that the user defined are never merged
        for i, part in enumerate(self.symbols.split(text)):
            found += [self.ids[part]] if i % 2 else self.merged(part)
        return found

    def merged(self, text: str) -> list[int]:
        """The ids of a text without such symbols: the best pair first, of equals the leftmost."""
        pieces, following, before = list(text), [*range(1, len(text)), -1], list(range(-1, len(text) - 1))
        halves: dict[str, tuple[str, str]] = {}
        ids, scores, unused = self.ids, self.scores, self.unused
        agenda: list[tuple[float, int, int, int]] = []

        def propose(left: int, right: int) -> None:
            piece = pieces[left] + pieces[right]
            if piece in ids:
                heapq.heappush(agenda, (-scores[ids[piece]], left, right, len(piece)))
                if piece in unused:
                    halves[piece] = pieces[left], pieces[right]

        for left in range(len(text) - 1):
            propose(left, left + 1)
        while agenda:
            _, left, right, size = heapq.heappop(agenda)
            if not pieces[left] or not pieces[right] or len(pieces[left]) + len(pieces[right]) != size:
                continue  # one of the two was merged with another
            pieces[left] += pieces[right]
            pieces[right] = ""
            following[left] = following[right]
            if following[left] >= 0:
                before[following[left]] = left
                propose(left, following[left])
            if before[left] >= 0:
                propose(before[left], left)
        if unused:
            return [i for piece in pieces if piece for i in self.apart(piece, halves, 0)]
        return [ids.get(piece, self.unknown) for piece in pieces if piece]

    def apart(self, piece: str, halves: dict[str, tuple[str, str]], depth: int) -> list[int]:
        """The ids of a piece, taken apart where it must not be used."""
        if piece not in self.unused or depth > DEEPEST:
            return [self.ids.get(piece, self.unknown)]
        if piece not in halves:
            return [self.unknown]
        return [i for half in halves[piece] for i in self.apart(half, halves, depth + 1)]
