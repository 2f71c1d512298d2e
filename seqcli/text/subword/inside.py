"""What a tokenizer is made of: the words that its method sees, and its merges, scores or vocabulary.

For what goes beyond ids: sampling and traces. A word that its pieces do not spell, as one with unknown ones, keeps its ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from seqcli.errors import Failure
from seqcli.text.subword.library import BYTES, Library
from seqcli.text.subword.sentencepiece import SentencePiece
from seqcli.text.subword.subword_nmt import END, GOES_ON, SubwordNmt
from seqcli.text.subword.tokenizer import Subword

Rank = Callable[[str, str], float | None]
PENALTY = 10.0  # what is unknown is so much less likely than the least likely piece


class Word(NamedTuple):
    """What the method cuts by itself."""

    text: str | None  # as the method sees it; None for what is not cut again
    ids: list[int]


@dataclass(frozen=True)
class Inside:
    """The parts of one tokenizer."""

    words: Callable[[str], list[Word]]  # of a line
    spell: Callable[[Sequence[str]], list[int]]  # the ids of a word's pieces
    symbols: Callable[[str], list[str]] = list  # what merging begins with
    rank: Rank | None = None  # of BPE
    whole: Callable[[str], bool] = lambda _: False  # words that BPE does not merge, as they are pieces
    scores: Mapping[str, float] = field(default_factory=dict)  # of Unigram
    unknown: float = 0.0  # score of a character that is no piece
    ids: Mapping[str, int] = field(default_factory=dict)
    prefix: str = ""  # of WordPiece's pieces within a word
    most: int = 0  # characters of a word that WordPiece looks at
    fuses: int = -1  # an id that is written once where words give it side by side

    @property
    def longest(self) -> int:
        """Characters of the longest piece."""
        return max(map(len, self.scores), default=0)


def inside(tokenizer: Subword) -> Inside:
    """The parts.

    Raises:
        Failure: a tokenizer of an unknown make.
    """
    if isinstance(tokenizer, SentencePiece):
        return of_sentencepiece(tokenizer)
    if isinstance(tokenizer, SubwordNmt):
        return of_subword_nmt(tokenizer)
    if isinstance(tokenizer, Library):
        return of_library(tokenizer)
    raise Failure(f"a {type(tokenizer).__name__} cannot be looked into")


def of_sentencepiece(tokenizer: SentencePiece) -> Inside:
    """Words are the chunks that it cuts its normalized lines into."""
    model, lost = tokenizer.model, tokenizer.lost

    def words(text: str) -> list[Word]:
        chunks = tokenizer.cut.findall(tokenizer.normalizer.normalized(text))
        tokenizer.remember(set(chunks))
        every = [(chunk, tokenizer.known[chunk]) for chunk in chunks]
        return [Word(None if lost in ids else chunk, tokenizer.final(ids, chunk)) for chunk, ids in every]

    def spell(pieces: Sequence[str]) -> list[int]:
        return tokenizer.final([tokenizer.ids.get(piece, lost) for piece in pieces], "".join(pieces))

    fuses = -1 if tokenizer.bytes else lost
    if tokenizer.unigram:
        scores = {piece: float(tokenizer.unigram.scores[i]) for piece, i in tokenizer.ids.items()}
        return Inside(words, spell, scores=scores, unknown=float(tokenizer.unigram.scores[lost]), ids=tokenizer.ids, fuses=fuses)
    merges = tokenizer.merges
    if merges is None or merges.unused:
        return Inside(words, spell, ids=tokenizer.ids, fuses=fuses)

    def rank(left: str, right: str) -> float | None:
        number = merges.ids.get(left + right)
        free = merges.symbols is None or not (merges.symbols.fullmatch(left) or merges.symbols.fullmatch(right))
        return -model.scores[number] if number is not None and free else None

    def symbols(word: str) -> list[str]:
        return tokenizer.symbols.findall(word)

    return Inside(words, spell, symbols, rank, ids=tokenizer.ids, fuses=fuses)


def of_subword_nmt(tokenizer: SubwordNmt) -> Inside:
    """Words stand between blanks."""

    def words(text: str) -> list[Word]:
        return [Word(word, tokenizer.word(word)) for word in text.strip("\r\n ").split(" ") if word]

    def symbols(word: str) -> list[str]:
        return [*word[:-1], word[-1] + END] if tokenizer.version == (0, 2) or len(word) == 1 else [*word, END]

    def spell(pieces: Sequence[str]) -> list[int]:
        shown = [*pieces[:-1], pieces[-1].removesuffix(END)]
        shown = shown if shown[-1] else shown[:-1]
        marked = [*(piece + GOES_ON for piece in shown[:-1]), shown[-1]]
        assert tokenizer.unknown is not None
        return [tokenizer.ids.get(piece, tokenizer.unknown) for piece in marked]

    def rank(left: str, right: str) -> float | None:
        return tokenizer.ranks.get((left, right))

    return Inside(words, spell, symbols, rank, ids=tokenizer.ids)


def of_library(tokenizer: Library) -> Inside:
    """Words are what the pre-tokenizer gives; a special token is none."""
    state = tokenizer.state
    spelled = LibraryWords(tokenizer)
    if "merges" in state and not state.get("end_of_word_suffix") and not spelled.prefix:  # with these, pieces are not what joins
        ranks = {tuple(pair.split(" ") if isinstance(pair, str) else pair): i for i, pair in reversed(list(enumerate(state["merges"])))}
        skips = bool(state.get("ignore_merges"))

        def rank(left: str, right: str) -> float | None:
            return ranks.get((left, right))

        def whole(word: str) -> bool:
            return skips and word in spelled.ids

        return Inside(spelled.words, spelled.spell, rank=rank, whole=whole, ids=spelled.ids)
    if isinstance(state.get("vocab"), list):
        scores = {piece: float(score) for piece, score in state["vocab"] if piece not in BYTES or not state.get("byte_fallback")}
        lowest = min(scores.values(), default=0.0)
        if state.get("unk_id") is not None:
            scores.pop(state["vocab"][state["unk_id"]][0], None)
        return Inside(spelled.words, spelled.spell, scores=scores, unknown=lowest - PENALTY, ids=spelled.ids)
    most = int(state.get("max_input_chars_per_word") or 0)
    return Inside(spelled.words, spelled.spell, ids=spelled.ids, prefix=spelled.prefix, most=most)


class LibraryWords:
    """The words of a tokenizer of the `tokenizers` package."""

    def __init__(self, tokenizer: Library) -> None:
        self.tokenizer = tokenizer
        self.ids: dict[str, int] = tokenizer.tokenizer.get_vocab(with_added_tokens=False)
        self.prefix = str(tokenizer.state.get("continuing_subword_prefix") or "")
        self.fallback = bool(tokenizer.state.get("byte_fallback"))
        self.added = set(tokenizer.tokenizer.get_added_tokens_decoder())

    def words(self, text: str) -> list[Word]:
        """The words of a line, by its pieces."""
        encoding = self.tokenizer.tokenizer.encode(text, add_special_tokens=False)
        pieces = list(zip(encoding.word_ids, encoding.ids, encoding.tokens, strict=True))
        found = [self.word([piece[1:] for piece in group]) for group in grouped(pieces)]
        if self.tokenizer.kind == "wordpiece" and any(word.text is None for word in found):
            names = self.names(text)
            if len(names) == len(found):  # otherwise there are special pieces among them
                return [Word(name, word.ids) for name, word in zip(names, found, strict=True)]
        return found

    def word(self, pieces: Sequence[tuple[int, str]]) -> Word:
        """A word of ids and tokens."""
        numbers = [number for number, _ in pieces]
        if self.tokenizer.unknown in numbers or not self.added.isdisjoint(numbers):
            return Word(None, numbers)
        return Word(joined([token for _, token in pieces], self.prefix, self.fallback), numbers)

    def names(self, text: str) -> list[str]:
        """The words of a line as they go into the method."""
        parts = self.tokenizer.tokenizer
        line = parts.normalizer.normalize_str(text) if parts.normalizer else text
        return [name for name, _ in parts.pre_tokenizer.pre_tokenize_str(line)] if parts.pre_tokenizer else [line]

    def spell(self, pieces: Sequence[str]) -> list[int]:
        """The ids of a word's pieces."""
        found: list[int] = []
        for i, piece in enumerate(pieces):
            name = self.prefix + piece if self.prefix and i and not piece.startswith(self.prefix) else piece
            found += [self.ids[name]] if name in self.ids else [self.ids[each] for each in byte_names(piece)]
        return found


def grouped(pieces: Sequence[tuple[int | None, int, str]]) -> Iterator[list[tuple[int | None, int, str]]]:
    """Pieces by the number of their word."""
    for _, group in groupby(pieces, key=lambda piece: piece[0]):
        yield list(group)


def joined(tokens: Sequence[str], prefix: str, fallback: bool) -> str | None:
    """The word that tokens spell; None if bytes among them are no text."""
    found: list[str] = []
    for is_byte, group in groupby(tokens, key=lambda token: fallback and token in BYTES):
        if is_byte:
            try:
                found.append(bytes(BYTES[token] for token in group).decode())
            except UnicodeDecodeError:
                return None
        else:
            found += group
    return "".join([token.removeprefix(prefix) if i else token for i, token in enumerate(found)])


def byte_names(text: str) -> list[str]:
    """How byte fallback spells text."""
    return [f"<0x{byte:02X}>" for byte in text.encode()]
