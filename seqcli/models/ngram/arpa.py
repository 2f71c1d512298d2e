r"""N-gram models as ARPA files, and such files as models.

An ARPA file separates words by blanks, so what a piece has of them is spelled otherwise: a blank as ▁, other white space, and ▁ itself,
as `\u` and four digits. Words, which have no white space, stand as they are. `<s>` and `</s>` of the file are the beginning and the end
of a text, both of them the codec's `end`.

Stupid back-off has its price for every context that is given up, also for one that was never seen; in an ARPA file only contexts that
were seen can have one, so other programs will rank the words after a context alike but score whole texts higher.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from seqcli.data import arpa
from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.errors import Failure
from seqcli.models.language_model import LanguageModel
from seqcli.models.ngram.model import Ngram
from seqcli.models.ngram.smoothing import Table
from seqcli.text.codec import END, UNKNOWN, Codec

BEGIN = "<s>"
NEVER = np.float32(-99)  # log10 P of what is only a context, as SRILM writes it
UNSEEN = np.float32(-100)  # of `<unk>` where a file has none, as KenLM takes it
SPECIAL = re.compile(r"\\(?=u[0-9a-f]{4})|[\s▁\x1c-\x1f]|^</?s>$")


def write_arpa(model: LanguageModel) -> Iterator[str]:
    """The text of the file, part by part.

    Raises:
        Failure: the model is more than n-grams.
    """
    if not isinstance(model, Ngram):
        raise Failure(
            "an ARPA file holds n-grams alone, and this model has more", hint="an n-gram model can be trained without its cache"
        )
    codec, sections = model.codec, []
    rows: AnyArray = np.zeros((1, 0), np.int32)  # the words of all n-grams of the order below
    for order, table in enumerate(model.tables, start=1):
        contexts, words = np.divmod(table.keys, codec.size)
        rows = np.column_stack([rows[contexts], words]).astype(np.int32)
        section = arpa.Section(with_begin(rows, codec), table.log_probs, table.backoffs)
        sections.append(unigrams(section, codec) if order == 1 else section)
    yield from arpa.write([*names(codec), BEGIN], sections)


def with_begin(rows: AnyArray, codec: Codec) -> AnyArray:
    """The words of n-grams with the number of `<s>`, one beyond the last, where the end is not the last word."""
    found = rows.copy()
    found[:, :-1][rows[:, :-1] == codec.end] = codec.size
    return found


def unigrams(section: arpa.Section, codec: Codec) -> arpa.Section:
    """With `<s>`, which takes the weight of the end as a context."""
    words = np.append(section.words, np.array([[codec.size]], np.int32), axis=0)
    backoffs = np.append(section.backoffs, section.backoffs[codec.end])
    backoffs[codec.end] = 0
    return arpa.Section(words, np.append(section.log_probs, NEVER), backoffs)


def names(codec: Codec) -> list[str]:
    r"""How the tokens are spelled, (V,).

    >>> names(Codec.of_pieces(["<unk>", " ", "▁", "\t"], "char"))
    ['<unk>', '▁', '\\u2581', '\\u0009', '</s>']
    """
    pieces = [*codec.spell(range(codec.size))]
    return [piece if number == codec.end else escaped(piece, codec.units == "word") for number, piece in enumerate(pieces)]


def escaped(piece: str, is_word: bool = False) -> str:
    """A piece without white space that is not `<s>` or `</s>`; no two pieces become one."""
    if is_word and piece not in (BEGIN, END):
        return piece
    return SPECIAL.sub(lambda found: "▁" if found[0] == " " else f"\\u{ord(found[0][0]):04x}{found[0][1:]}", piece)


def read_arpa(path: Path, codec: Codec | None = None, errors: str = "strict") -> Ngram:
    """The model in a file. Without the codec it was made with, its tokens are words.

    Raises:
        Failure: the file cannot be read, is no ARPA file, or does not fit together; names the line.
    """
    found, sections = arpa.read(path, errors)
    for name in (BEGIN, END):
        if name not in found:
            raise Failure(f"{path}: there is no unigram {name}")
    if codec is None:
        words = [name for name in found if name not in (BEGIN, END)]
        codec = Codec.of_pieces(words if UNKNOWN in words else [UNKNOWN, *words], "word")
        known = codec.spell(range(codec.size))
    else:
        known = names(codec)
    numbers = numbering(found, known, codec.end, path)
    tables = [first_table(sections[0], numbers, found, codec)]
    for order, section in enumerate(sections[1:], start=2):
        tables.append(table(section, order, numbers[section.words].reshape(-1, order), tables, codec, path))
    return Ngram(codec, tables)


def numbering(found: Sequence[str], known: Sequence[str], end: int, path: Path) -> IntArray:
    """The ids of a file's unigrams, by number; `<s>` has that of the end."""
    index = {name: number for number, name in enumerate(known)} | {BEGIN: end}
    strange = [name for name in found if name not in index]
    if strange:
        raise Failure(f"{path}: {strange[0]!r} is not a token of the model", hint="was it made with this tokenizer?")
    return np.array([index[name] for name in found])


def first_table(section: arpa.Section, numbers: IntArray, found: Sequence[str], codec: Codec) -> Table:
    """Unigrams: all tokens have a row. What `<s>` has as a context goes to the end, which has none as the end."""
    log_probs: FloatArray = np.full(codec.size, UNSEEN)
    backoffs: FloatArray = np.zeros(codec.size, np.float32)
    begin = found.index(BEGIN)
    others = np.arange(len(found)) != begin
    log_probs[numbers[others]] = section.log_probs[others]
    backoffs[numbers[others]] = section.backoffs[others]
    backoffs[codec.end] = section.backoffs[begin]
    return Table(np.arange(codec.size), log_probs, backoffs)


def table(section: arpa.Section, order: int, words: IntArray, below: Sequence[Table], codec: Codec, path: Path) -> Table:
    """One order of two or more, sorted, each n-gram under the row of its first words."""
    contexts = words[:, 0]
    for place in range(1, order - 1):
        keys = below[place].keys
        wanted = contexts * codec.size + words[:, place]
        at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        missing = np.flatnonzero(keys[at] != wanted) if len(keys) else np.arange(len(wanted))
        if len(missing):
            line = section.line(int(missing[0]))
            raise Failure(f"{path}, line {line}: the first {place + 1} words of this {order}-gram are no {place + 1}-gram of the file")
        contexts = at
    keys = contexts * codec.size + words[:, -1]
    by_key = np.argsort(keys, kind="stable")
    keys = keys[by_key]
    twice = np.flatnonzero(keys[1:] == keys[:-1])
    if len(twice):
        raise Failure(f"{path}, line {section.line(int(by_key[twice[0] + 1]))}: this {order}-gram is there already")
    return Table(keys, section.log_probs[by_key], section.backoffs[by_key])
