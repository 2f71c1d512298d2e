"""SentencePiece models: the ids that SentencePiece gives (0.2.3), found without it.

A line is normalized, then cut into pieces as a whole; what follows cuts it before each stretch of blanks where no piece of the model
goes across, and cuts every such chunk once.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.errors import Failure
from seqcli.text.subword.sentencepiece_bpe import Merges
from seqcli.text.subword.sentencepiece_model import BYTE_PIECES, Model, Type, parse
from seqcli.text.subword.sentencepiece_normalizer import META, Normalizer
from seqcli.text.subword.sentencepiece_unigram import Unigram
from seqcli.text.subword.tokenizer import Piece

if TYPE_CHECKING:
    import numpy as np

KEEP = 1 << 18  # chunks that are remembered
WORD = re.compile(f"{META}[^{META}]*|[^{META}]+")
FFFD = "seqcli.each_byte"  # how invalid bytes are decoded
IN_TEXT = (Type.NORMAL, Type.USER_DEFINED, Type.UNUSED)


def load(path: Path) -> SentencePiece:
    """The tokenizer in a `.model` file.

    Raises:
        Failure: it is no such file, or a broken one.
    """
    return SentencePiece(parse(path.read_bytes(), str(path)), str(path))


class SentencePiece:
    """One model."""

    def __init__(self, model: Model, name: str = "the model") -> None:
        self.model, self.name = model, name
        self.kind = model.method
        self.vocabulary: Sequence[str] = model.pieces
        self.unknown = None if model.byte_fallback else model.unknown
        self.lost = model.unknown if model.unknown >= 0 else len(model.pieces)  # stands for the unknown until bytes do
        self.bytes = {BYTE_PIECES[piece]: i for i, piece in enumerate(model.pieces) if model.types[i] == Type.BYTE}
        in_text = {piece: i for i, piece in enumerate(model.pieces) if model.types[i] in IN_TEXT}
        symbols = [piece for piece, i in in_text.items() if model.types[i] == Type.USER_DEFINED]
        try:
            self.normalizer = Normalizer(model.normalization, symbols, model.blank_is_suffix)
            self.denormalizer = Normalizer(model.denormalization) if model.denormalization.charsmap else None
        except Failure as failure:
            raise Failure(f"{name}: {failure.message}") from None
        self.ids = {piece: i for piece, i in in_text.items() if model.types[i] != Type.UNUSED}
        self.symbols = re.compile("|".join([*map(re.escape, sorted(symbols, key=len, reverse=True)), "."]), re.DOTALL)
        self.unigram = Unigram(model, self.lost) if self.kind == "unigram" else None
        self.merges = Merges(model, self.lost) if self.kind == "bpe" else None
        blank = re.escape(self.normalizer.blank)
        across = re.compile(f"[^{blank}]{blank}")
        self.by_chunk = not any(map(across.search, in_text)) and not (self.merges and self.merges.unused)
        self.by_chunk &= self.unigram is None or self.unigram.steady
        self.cut = re.compile(f"{blank}+[^{blank}]*|[^{blank}]+" if self.by_chunk else ".+", re.DOTALL)
        self.separable = self.by_chunk and self.normalizer.whole and not model.blank_is_suffix
        self.known: dict[str, list[int]] = {}  # chunks of normalized text
        self.doubtful: set[str] = set()  # those for which rounding may give other ids

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each line."""
        return [self.final(ids, text) for text, ids in self.raw(self.normalizer.lines(texts))]

    def raw(self, texts: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
        """Normalized lines and their ids, before the unknown is fused or becomes bytes."""
        if not self.by_chunk:
            yield from zip(texts, self.whole(texts), strict=True)
            return
        lines = [self.cut.findall(text) for text in texts]
        self.remember({chunk for line in lines for chunk in line})
        known, doubtful = self.known, self.doubtful
        clear = list(map(doubtful.isdisjoint, lines)) if doubtful else [True] * len(lines)
        others = iter(self.summed([line for line, certain in zip(lines, clear, strict=True) if not certain]))
        for text, line, certain in zip(texts, lines, clear, strict=True):
            yield text, [i for chunk in line for i in known[chunk]] if certain else next(others)

    def remember(self, chunks: set[str]) -> None:
        """Cut chunks that were not met before."""
        if len(self.known) > KEEP:
            self.known.clear()
            self.doubtful.clear()
        new = [chunk for chunk in chunks if chunk not in self.known]
        if not new:
            return
        rows, close = self.segment(new)
        self.known.update(zip(new, rows, strict=True))
        self.doubtful.update(chunk for chunk, doubt in zip(new, close, strict=True) if doubt)

    def segment(self, texts: Sequence[str]) -> tuple[list[list[int]], Sequence[bool]]:
        """The ids of chunks of normalized text, and where rounding may give others."""
        if self.unigram:
            return self.unigram.inside(texts)
        return self.whole(texts), [False] * len(texts)

    def whole(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of normalized texts, each by itself."""
        if self.unigram:
            return self.unigram.whole(texts)
        if self.merges:
            return list(map(self.merges, texts))
        unit = WORD if self.kind == "word" else self.symbols
        return [[self.ids.get(part, self.lost) for part in unit.findall(text)] for text in texts]

    def summed(self, lines: Sequence[list[str]]) -> list[list[int]]:
        """The ids of lines where rounding decides about chunks: by the sum of the scores before, the first of each line first."""
        if self.unigram is None or not lines:
            return []
        unigram, found = self.unigram, [list[int]() for _ in lines]
        known, doubtful = self.known.__getitem__, self.doubtful.__contains__
        stops = [[at for at, doubt in enumerate(map(doubtful, line)) if doubt] for line in lines]
        for turn in range(max(map(len, stops))):
            waiting: list[tuple[int, str, np.float32]] = []
            for i, (line, stop) in enumerate(zip(lines, stops, strict=True)):
                if turn < len(stop):
                    begin = stop[turn - 1] + 1 if turn else 0
                    found[i].extend(chain.from_iterable(map(known, line[begin : stop[turn]])))
                    total = unigram.total(found[i])
                    if total is None:
                        found[i] = unigram.whole(["".join(line)])[0]
                        stop.clear()
                    else:
                        waiting.append((i, line[stop[turn]], total))
            decided = unigram.from_sums([chunk for _, chunk, _ in waiting], [total for _, _, total in waiting])
            for (i, _, _), ids in zip(waiting, decided, strict=True):
                found[i] += ids
        for ids, line, stop in zip(found, lines, stops, strict=True):
            ids.extend(chain.from_iterable(map(known, line[stop[-1] + 1 :] if stop else ())))
        return found

    def encode_inside(self, chunks: Sequence[str]) -> list[list[int] | None]:
        """The ids of chunks between others; None where those decide."""
        return self.settled(self.normalizer.insides(chunks))

    def encode_begin(self, chunks: Sequence[str]) -> list[list[int] | None]:
        """The ids of chunks that begin a line with others after them; None where those decide."""
        plain = self.normalizer.plain([" " + chunk for chunk in chunks])
        prefix, begin = self.normalizer.prefix, self.normalizer.begin
        return self.settled([prefix + chunk if same else begin(chunk) for chunk, same in zip(chunks, plain, strict=True)])

    def settled(self, texts: Sequence[str | None]) -> list[list[int] | None]:
        """The ids of chunks of normalized text; None for None and where the chunks beside it decide."""
        rows, close = self.segment([text or "" for text in texts])
        lost = self.lost
        return [
            None if text is None or doubt or (ids[:1] == [lost] and not self.bytes) else self.final(ids, text) if lost in ids else ids
            for text, ids, doubt in zip(texts, rows, close, strict=True)
        ]

    def final(self, ids: list[int], text: str) -> list[int]:
        """Ids with the unknown as bytes or, side by side, as one."""
        lost = self.lost
        if lost not in ids:
            return ids
        if not self.bytes:
            return [i for i, before in zip(ids, [-1, *ids], strict=False) if i != lost or before != lost]
        found: list[int] = []
        for i, surface in zip(ids, self.surfaces(ids, text), strict=True):
            found += [self.bytes[byte] for byte in encoded(surface)] if i == lost else [i]
        return found

    def surfaces(self, ids: Sequence[int], text: str) -> list[str]:
        """What each piece stands for in the normalized text."""
        if self.kind == "word":
            return WORD.findall(text)
        found, at = [], 0
        for i in ids:
            size = 1 if i == self.lost else len(self.vocabulary[i])
            found.append(text[at : at + size])
            at += size
        return found

    def pieces(self, text: str) -> list[Piece]:
        """The pieces of one line with the characters of it that they come from; of several bytes the last has the character."""
        normalized, origins = self.normalizer.traced(text)
        _, ids = next(self.raw([normalized]))
        found: list[Piece] = []
        at, before = 0, -1
        for i, surface in zip(ids, self.surfaces(ids, normalized), strict=True):
            begin, end = origins[at], origins[at + len(surface)]
            if i == self.lost and self.bytes:
                parts = [self.bytes[byte] for byte in encoded(surface)]
                found += [Piece(part, self.vocabulary[part], begin, begin) for part in parts[:-1]]
                found.append(Piece(parts[-1], self.vocabulary[parts[-1]], begin, end))
            elif i == before == self.lost:
                found[-1] = found[-1]._replace(end=end)
            else:
                found.append(Piece(i, self.vocabulary[i], begin, end))
            at += len(surface)
            before = i
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The text: bytes joined, U+2581 as a blank, without the blank that was put first."""
        spec = self.model.normalization
        strips = spec.add_dummy_prefix or spec.remove_extra_whitespaces
        found: list[str] = []
        waiting = bytearray()
        for i in ids:
            if not 0 <= i < len(self.vocabulary):
                raise Failure(f"no piece has the id {i}", hint=f"ids go from 0 to {len(self.vocabulary) - 1}")
            piece, kind = self.vocabulary[i], self.model.types[i]
            if kind == Type.BYTE:
                waiting.append(BYTE_PIECES[piece])
                continue
            if waiting:
                found.append(decoded(waiting))
                strips = False
                waiting.clear()
            if kind == Type.CONTROL:
                continue
            if strips and piece.startswith(META):
                strips = spec.remove_extra_whitespaces
                shown = piece[1:]
            else:
                shown = piece
            shown = self.model.unknown_surface if kind == Type.UNKNOWN else shown.replace(META, " ")
            strips &= not shown
            found.append(shown)
        text = "".join(found) + decoded(waiting)
        return self.denormalizer.normalized(text) if self.denormalizer else text

    def scores(self) -> list[float]:
        """Log-probabilities of Unigram, minus the rank of BPE's merges."""
        return self.model.scores


def encoded(text: str) -> bytes:
    """Bytes of text."""
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes | bytearray) -> str:
    r"""Text of bytes, U+FFFD for each that fits nowhere.

    >>> decoded(b"\xe2\x82a\xc3\xa4")
    '\ufffd\ufffdaä'
    """
    return data.decode("utf-8", FFFD)


def each_byte(error: UnicodeError) -> tuple[str, int]:
    """For `bytes.decode`: U+FFFD for one byte, and on with the next."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd", error.start + 1


codecs.register_error(FFFD, each_byte)
