"""A learned segmenter: words as tags over characters, sentences as tags over what stands between blanks.

Both are linear-chain CRFs (`seqcli.models.crf`), so that tagging is table rows and Viterbi in numpy. A text is cut at white space into
chunks. Over the characters of a chunk the tags say where a word begins (B), goes on (I), and where a sentence begins although no blank
stands before it (S); each distinct chunk is read once. Over the chunks of a line the tags say whether a sentence ends with it (E).
Chinese has few blanks: there the characters say it all.

What a treebank writes as several words that the text does not spell (French du = de le) is learned as a table, token to words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import conllu
from seqcli.data.blocks import blocks
from seqcli.data.conllu import Sentence
from seqcli.data.examples import AnyArray, Batch, BoolArray, IntArray
from seqcli.data.folder import Folder, take
from seqcli.errors import Failure
from seqcli.models import crf
from seqcli.models.crf import CRFTagger
from seqcli.models.names import pack, unpack
from seqcli.text.chunk import ENDS, JOINED, Chunk
from seqcli.text.segment import RuleSegmenter

BEGIN, INSIDE, START = "B", "I", "S"
END, ON = "E", "O"
CHARACTERS = crf.Recipe(epochs=4, averaged=2, batch=128, features="characters")
LINES = replace(CHARACTERS, epochs=8, averaged=4, batch=4, near=4, pair=3, prune=0.2)  # where no blanks stand, a chunk is a line
CHUNKS = crf.Recipe(epochs=8, averaged=4, batch=2, pair=10, prune=0.2)
STEPS = 150  # at least, however small the treebank
PIECE, MARGIN = 96, 16  # characters of a long chunk that are tagged at once, and how many on either side are looked at again
DOCUMENT = 10  # sentences of the training text that make a line
PARTS = "characters", "ends"
KINDS = LEARNED, UNSPACED = "learned", "unspaced"
WIDE = str.maketrans({**{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}, "。": ".", "｡": "."})  # ！ counts as !


@dataclass(frozen=True)
class Token:
    """What a treebank says of a piece of text: its words, and whether a blank follows."""

    form: str
    words: tuple[str, ...]
    blank: bool


@dataclass(frozen=True)
class Tagged:
    """What a treebank says of a chunk."""

    text: str
    tags: list[str]  # of each character
    end: str  # END or ON


class LearnedSegmenter(RuleSegmenter):
    """Cuts text as the treebank that it was trained on does."""

    expands = True

    def __init__(self, language: str, characters: CRFTagger, ends: CRFTagger | None, table: dict[str, tuple[str, ...]]) -> None:
        super().__init__(language if language != "en" else "mul")
        self.characters, self.sentence_ends, self.table = characters, ends, table

    def prepare(self, rows: Sequence[Sequence[str]]) -> None:
        """Read the new chunks of a block."""
        self._table.enter(self.read_chunks, list(chain.from_iterable(rows)))

    def read_chunks(self, chunks: Sequence[str]) -> list[Chunk]:
        """Cut chunks into words."""
        tags = self.characters.labels
        begins = np.array([tag != INSIDE for tag in tags])
        starts = np.array([tag == START for tag in tags])
        found: list[Chunk] = []
        for text, ids in zip(chunks, tag_characters(self.characters, chunks), strict=True):
            cut = begins[ids]
            cut[0] = True
            at = np.flatnonzero(cut).tolist()
            tokens = [text[a:b] for a, b in zip(at, [*at[1:], len(text)], strict=True)]
            found.append(self.chunk(tokens, starts[ids[at]].tolist()))
        return found

    def chunk(self, tokens: Sequence[str], starts: Sequence[bool]) -> Chunk:
        """A chunk of some tokens, contractions written out; `starts` says with which of them a sentence begins."""
        words: list[str] = []
        marks, widths = bytearray(), []
        for token, start in zip(tokens, starts, strict=True):
            if start and marks:
                marks[-1] |= ENDS
            parts = expand(token, self.table)
            words += parts
            spelled = "".join(parts) == token
            widths += [*map(len, parts)] if spelled else [len(token), *[0] * (len(parts) - 1)]
            marks += bytes([0, *[JOINED] * (len(parts) - 1)])
        return Chunk(tuple(words), bytes(marks), 0, widths=tuple(widths))

    def ends(self, rows: Sequence[Sequence[str]], bits: IntArray, line_end: BoolArray) -> tuple[BoolArray, BoolArray]:  # noqa: ARG002
        """By the tags of the chunks."""
        if self.sentence_ends is None:
            return line_end, np.zeros_like(line_end)
        chunks, lengths = list(chain.from_iterable(rows)), np.array([len(row) for row in rows if row], dtype=np.int64)
        places, sizes, kept = windows(lengths)
        tags = self.sentence_ends.tag([chunks[place] for place in places.tolist()], sizes).ids[kept]
        found = tags == self.sentence_ends.labels.index(END)
        return found | line_end, np.zeros_like(line_end)

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the tensors."""
        parts = {name: part.config() for name, part in zip(PARTS, (self.characters, self.sentence_ends), strict=True) if part}
        return {"language": self.language, **parts}

    def tensors(self) -> dict[str, AnyArray]:
        """The parameters by name."""
        found = {
            f"segmenter.{name}.{key}": tensor
            for name, part in zip(PARTS, (self.characters, self.sentence_ends), strict=True)
            if part
            for key, tensor in part.tensors().items()
        }
        words = pack([" ".join(words) for words in self.table.values()])
        return {**found, "segmenter.tokens": pack(list(self.table)), "segmenter.words": words}


def load(folder: Folder) -> LearnedSegmenter:
    """The segmenter in a tagger's folder.

    Raises:
        Failure: a tensor is missing or of the wrong shape.
    """
    config = folder.config["segmenter"]
    parts = [part_of(folder, name, config[name]) if name in config else None for name in PARTS]
    tokens, words = (unpack(take(folder.tensors, f"segmenter.{name}", None)) for name in ("tokens", "words"))
    assert parts[0] is not None
    return LearnedSegmenter(config["language"], parts[0], parts[1], {t: tuple(w.split()) for t, w in zip(tokens, words, strict=True)})


def part_of(folder: Folder, name: str, parameters: dict[str, Any]) -> CRFTagger:
    """One of the two taggers in the folder."""
    head = f"segmenter.{name}."
    tensors: Mapping[str, AnyArray] = {key.removeprefix(head): tensor for key, tensor in folder.tensors.items() if key.startswith(head)}
    return crf.load(Folder(folder.path, {"parameters": parameters}, dict(tensors)))


def read(files: Iterable[str]) -> list[Sentence]:
    """The sentences of treebanks in CoNLL-U.

    Raises:
        Failure: as the reader.
    """
    return [
        sentence
        for name in files
        for block in blocks([Path(name)], b"\n\n")
        for sentence in conllu.read(block.lines(), name, block.first_line)
    ]


def train(sentences: Sequence[Sentence], language: str, spaced: bool, report: Callable[[str], None]) -> LearnedSegmenter:
    """Learn from a treebank whose words tell where blanks stand (SpaceAfter=No); where not `spaced`, none do.

    Raises:
        Failure: no sentence.
    """
    if not sentences:
        raise Failure("the training data has no sentence")
    texts = [list(tokens_of(sentence, spaced)) for sentence in sentences]
    lines = [list(chunks_of(texts[start : start + DOCUMENT])) for start in range(0, len(texts), DOCUMENT)]
    table = contractions(chain.from_iterable(texts))
    chunks = list(chain.from_iterable(lines))
    report(f"segmenter: {len(chunks):,} chunks, {len(table)} contractions")
    characters = Batch.of([list(chunk.text.translate(WIDE)) for chunk in chunks], [chunk.tags for chunk in chunks])
    inside = crf.train(characters, None, enough(CHARACTERS if spaced else LINES, len(chunks)), report)
    between = None
    if spaced:
        forms = [[chunk.text for chunk in line] for line in lines]
        between = crf.train(
            Batch.of(forms, [[chunk.end for chunk in line] for line in lines]), None, enough(CHUNKS, len(lines)), report
        )
    return LearnedSegmenter(language, inside, between, table)


def enough(recipe: crf.Recipe, sequences: int) -> crf.Recipe:
    """The recipe with as many passes as make `STEPS`.

    >>> enough(CHUNKS, 2).epochs, enough(CHUNKS, 1000) == CHUNKS
    (150, True)
    """
    epochs = -(-STEPS // -(-sequences // recipe.batch))
    return recipe if epochs <= recipe.epochs else replace(recipe, epochs=epochs, averaged=epochs // 2)


def tokens_of(sentence: Sentence, spaced: bool) -> Iterator[Token]:
    """The tokens of a sentence: words, and contractions as the text has them."""
    forms = sentence.column("form")
    ranges = {first: (row, last) for row, first, last in sentence.ranges}
    at = 0
    while at < len(forms):
        row, last = ranges.get(at, (sentence.words[at], at))
        columns = sentence.lines[row].split("\t")
        yield Token(columns[1], tuple(forms[at : last + 1]), spaced and "SpaceAfter=No" not in columns[9])
        at = last + 1


def chunks_of(sentences: Sequence[Sequence[Token]]) -> Iterator[Tagged]:
    """The chunks of some sentences in a line."""
    text, tags = "", list[str]()
    for tokens in sentences:
        for place, token in enumerate(tokens):
            for part, piece in enumerate(token.form.split()):
                if part:  # a blank inside a token
                    yield Tagged(text, tags, ON)
                    text, tags = "", []
                first = START if text and place == part == 0 else BEGIN
                text += piece
                tags += [first, *[INSIDE] * (len(piece) - 1)]
            if token.blank:
                yield Tagged(text, tags, END if place == len(tokens) - 1 else ON)
                text, tags = "", []
    if text:
        yield Tagged(text, tags, END)


def contractions(tokens: Iterable[Token]) -> dict[str, tuple[str, ...]]:
    """Lower-cased tokens that mostly stand for several words, with the most frequent of these.

    >>> tokens = [Token("Du", ("De", "le"), True), Token("du", ("de", "le"), True), Token("un", ("un",), True)]
    >>> contractions(tokens)
    {'du': ('de', 'le')}
    """
    readings: dict[str, Counter[tuple[str, ...]]] = {}
    for token in tokens:
        readings.setdefault(token.form.lower(), Counter())[tuple(word.lower() for word in token.words)] += 1
    best = {form: found.most_common(1)[0][0] for form, found in readings.items()}
    return {form: words for form, words in best.items() if len(words) > 1}


def expand(token: str, table: dict[str, tuple[str, ...]]) -> Sequence[str]:
    """The words of a token, as cased as it is.

    >>> expand("Du", {"du": ("de", "le")}), expand("DU", {"du": ("de", "le")}), expand("ou", {})
    (['De', 'le'], ['DE', 'LE'], ['ou'])
    """
    words = table.get(token.lower())
    if words is None:
        return [token]
    if len(token) > 1 and token.isupper():
        return [word.upper() for word in words]
    return [words[0].capitalize() if token[0].isupper() else words[0], *words[1:]]


def tag_characters(tagger: CRFTagger, chunks: Sequence[str]) -> list[IntArray]:
    """The tag of every character of every chunk."""
    lengths = np.fromiter(map(len, chunks), np.int64, len(chunks))
    characters = "".join(chunks).translate(WIDE)
    places, sizes, kept = windows(lengths)
    tags = tagger.tag([characters[place] for place in places.tolist()], sizes).ids[kept]
    return np.split(tags, np.cumsum(lengths)[:-1])


def windows(lengths: IntArray) -> tuple[IntArray, IntArray, BoolArray]:
    """Sequences of N places in all, the long ones cut into overlapping pieces, so that Viterbi takes few steps for many at once.

    Returns the places of all pieces, each piece's size, and which of the places are its own: those, in their order, are 0 … N - 1.

    >>> places, sizes, kept = windows(np.array([2, PIECE + 1]))
    >>> sizes.tolist(), places[kept].tolist() == list(range(PIECE + 3))
    ([2, 97, 17], True)
    """
    pieces = -(-lengths // PIECE)
    begin = np.repeat(np.cumsum(lengths) - lengths, pieces)
    end = np.repeat(np.cumsum(lengths), pieces)
    number = np.arange(len(begin)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    own = begin + number * PIECE
    start, stop = np.maximum(begin, own - MARGIN), np.minimum(end, own + PIECE + MARGIN)
    sizes = stop - start
    places = np.arange(sizes.sum()) + np.repeat(start - (np.cumsum(sizes) - sizes), sizes)
    kept = (places >= np.repeat(own, sizes)) & (places < np.repeat(own + PIECE, sizes))
    return places, sizes, kept
