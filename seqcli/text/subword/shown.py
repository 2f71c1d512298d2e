"""What is written for a line of text, and how it is read back: ids, pieces as people see them, JSON.

Pieces are separated by blanks, so a blank inside a piece is shown as `▁`. Where a vocabulary has pieces with blanks, a piece with a
literal `▁` could not be told from these; it is shown as `<id:7>`, as is one with a line end. So no two pieces look alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from seqcli.data.blocks import Block
from seqcli.errors import Failure

if TYPE_CHECKING:
    from seqcli.text.subword.engine import Engine
    from seqcli.text.subword.tokenizer import Subword

T = TypeVar("T")
SMALL = 1 << 16  # bytes of input from which it pays to import numpy
ALONE = 1 << 22  # bytes of input from which it pays to start processes
OTHER = "was it made with another -m?"
LARGEST = 18  # digits of a number that may be an id
ID, END = "<id:", ">"
INPUTS = ("text", "jsonl")


class Shown:
    """The pieces of a vocabulary as they are shown."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = vocabulary

    @cached_property
    def blanks(self) -> bool:
        """Whether there are pieces with blanks inside."""
        return any(" " in piece for piece in self.vocabulary)

    def __call__(self, number: int) -> str:
        """The piece with this id."""
        piece = self.vocabulary[number]
        if not piece or piece.startswith(ID) or "\n" in piece or "\r" in piece or ("▁" in piece and self.blanks):
            return f"{ID}{number}{END}"
        return piece.replace(" ", "▁")

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The ids of pieces, by what is shown; of equal pieces the first."""
        return {self(number): number for number in reversed(range(len(self.vocabulary)))}

    def number(self, shown: str) -> int | None:
        """The id of what is shown; None if there is no such piece."""
        found = self.numbers.get(shown)
        if found is None and shown.startswith(ID) and shown.endswith(END):
            return identity(shown[len(ID) : -len(END)], len(self.vocabulary))
        return found


def identity(text: str, size: int) -> int | None:
    """The id that a text says; None if it is none of a vocabulary of this size."""
    if not (text.isascii() and text.isdigit() and len(text) <= LARGEST):
        return None
    return int(text) if int(text) < size else None


class Texts(dict[int, bytes]):
    """The bytes to write for each id, a blank before them."""

    def __init__(self, tokenizer: Subword, ids: bool) -> None:
        self.shown = None if ids else Shown(tokenizer.vocabulary)

    def __missing__(self, number: int) -> bytes:
        self[number] = b" %d" % number if self.shown is None else b" " + self.shown(number).encode()
        return self[number]


class Job:
    """Lines, or the texts of JSON objects, to lines of ids or shown pieces; `source` is one of INPUTS."""

    def __init__(self, tokenizer: Subword, ids: bool = False, source: str = "text", errors: str = "strict") -> None:
        self.tokenizer, self.source, self.errors = tokenizer, source, errors
        self.texts = Texts(tokenizer, ids)
        self.seen = 0  # bytes

    def __call__(self, block: Block) -> bytes:
        """One block of the input as bytes of the output."""
        self.seen += len(block.data)
        if self.seen <= SMALL or not self.tokenizer.separable:
            return self.plain(texts(block, self.source, self.errors))
        if self.source == "text":
            return self.engine(clean(block, self.errors))
        return self.engine("".join([line + "\n" for line in texts(block, self.source, self.errors)]).encode())

    def plain(self, lines: Sequence[str]) -> bytes:
        """Lines tokenized one by one, without numpy: its import takes as long as some thousand of them."""
        return b"".join([b"".join([self.texts[number] for number in ids])[1:] + b"\n" for ids in self.tokenizer.encode(lines)])

    @cached_property
    def engine(self) -> Engine:
        """The same for long inputs."""
        from seqcli.text.subword.engine import Engine

        return Engine(self.tokenizer, self.texts.__getitem__)


def clean(block: Block, errors: str = "strict") -> bytes:
    r"""A block as valid UTF-8 whose lines all end with `\n`: what `Block.lines` would give, joined.

    >>> clean(Block(b"one\r\ntwo", "notes.txt", 1))
    b'one\ntwo\n'
    """
    data = block.data
    try:
        data.decode()
    except UnicodeDecodeError:
        data = block.text(errors).encode()
    if block.first_line == 1:
        data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return data if data.endswith(b"\n") or not data else data + b"\n"


def texts(block: Block, source: str, errors: str) -> list[str]:
    """The block's texts: its lines, or those of its objects."""
    lines = block.lines(errors)
    if source == "text":
        return lines
    return [value["text"] for value in objects(lines, block)]


def objects(lines: Sequence[str], block: Block) -> Iterator[dict[str, Any]]:
    """JSON objects with a `text`; a bare string counts as one, and a line end inside as a blank.

    Raises:
        Failure: a line that is not JSON, or has no text; names file and line.
    """
    import json

    for number, line in enumerate(lines, block.first_line):
        try:
            value = json.loads(line) if line.strip() else ""
        except (ValueError, RecursionError) as error:
            raise Failure(f"{block.name}, line {number}: not JSON: {error}") from None
        value = {"text": value} if isinstance(value, str) else value
        if not isinstance(value, dict) or not isinstance(value.get("text"), str):
            raise Failure(f"{block.name}, line {number}: expected an object with `text`")
        text = value["text"].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # half a character is none
        yield {**value, "text": text.replace("\n", " ")}


class Details:
    """Lines, or JSON objects, to JSON objects with the pieces of their texts."""

    def __init__(self, tokenizer: Subword, source: str = "text", errors: str = "strict") -> None:
        self.tokenizer, self.source, self.errors = tokenizer, source, errors

    def __call__(self, block: Block) -> bytes:
        """One block of the input as bytes of the output."""
        lines = block.lines(self.errors)
        values = ({"text": line} for line in lines) if self.source == "text" else objects(lines, block)
        return b"".join([self.record(value) for value in values])

    def record(self, value: dict[str, Any]) -> bytes:
        """The object and what its text consists of: pieces as the vocabulary spells them, ids, characters from and to."""
        import json

        pieces = self.tokenizer.pieces(value["text"])
        value["pieces"] = [each.piece for each in pieces]
        value["ids"] = [each.id for each in pieces]
        value["offsets"] = [[each.start, each.end] for each in pieces]
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


class Back:
    """Lines of ids, or of shown pieces, back to text.

    A line of numbers is ids, unless it is just what is shown for a text (as `2024` may be): with `ids` all lines are ids.
    """

    def __init__(self, tokenizer: Subword, ids: bool = False, errors: str = "strict") -> None:
        self.tokenizer, self.ids, self.errors = tokenizer, ids, errors
        self.shown = Shown(tokenizer.vocabulary)

    def __call__(self, block: Block) -> bytes:
        """One block of the input as bytes of the output."""
        out = []
        for number, line in enumerate(block.lines(self.errors), block.first_line):
            ids = self.read(line, f"{block.name}, line {number}")
            out.append(self.tokenizer.decode(ids) + "\n" if ids else "\n")
        return "".join(out).encode("utf-8", "backslashreplace")

    def read(self, line: str, where: str) -> list[int]:
        """The ids of a line.

        Raises:
            Failure: what is no id, out of range or no piece; begins with `where`.
        """
        if not self.ids:
            shown = [each for each in line.split(" ") if each]
            if not all(each.isascii() and each.isdigit() for each in shown):
                return [self.of_piece(each, where) for each in shown]
            if pieces := self.canonical(shown):
                return pieces
        return [self.of_number(each, where) for each in line.split()]

    def canonical(self, shown: Sequence[str]) -> list[int]:
        """The ids of numbers that are what is shown for some text; else nothing."""
        numbers = [self.shown.number(each) for each in shown]
        ids = [number for number in numbers if number is not None]
        same = len(ids) == len(shown) and self.tokenizer.encode([self.tokenizer.decode(ids)])[0] == ids
        return ids if same else []

    def of_piece(self, shown: str, where: str) -> int:
        """The id of a shown piece."""
        found = self.shown.number(shown)
        if found is None:
            raise Failure(f"{where}: the vocabulary has no piece {shown!r}", hint=OTHER)
        return found

    def of_number(self, text: str, where: str) -> int:
        """An id that the vocabulary has."""
        size = len(self.tokenizer.vocabulary)
        found = identity(text, size)
        if found is None and not (text.isascii() and text.isdigit()):
            raise Failure(f"{where}: {text!r} is not an id", hint="ids are numbers; for pieces leave --ids out")
        if found is None:
            raise Failure(f"{where}: id {text} is out of range: the vocabulary has {size} pieces", hint=OTHER)
        return found


def results(work: Callable[[Block], T], source: Iterator[Block], jobs: int = 1) -> Iterator[T]:
    """The results of every block in the order of the input; a long input gets `jobs` processes, 0 is one a processor.

    Where the input pauses, all that was read is finished and handed over before more is waited for.
    """
    seen = 0
    for block in source:
        if block.data:
            yield work(block)
        seen += len(block.data)
        if seen >= ALONE and jobs != 1:
            from seqcli.workers import mapped, processors

            yield from mapped(work, (block if block.data else None for block in source), jobs or processors())


def listing(tokenizer: Subword, as_json: bool = False) -> Iterator[bytes]:
    r"""The vocabulary: id, piece as shown (`\t` for a tabulator), score, one a line."""
    import json

    shown, scores = Shown(tokenizer.vocabulary), tokenizer.scores()
    for number, piece in enumerate(tokenizer.vocabulary):
        score = None if scores is None else scores[number]
        if as_json:
            yield json.dumps({"id": number, "piece": piece, "score": score}, ensure_ascii=False).encode() + b"\n"
        else:
            look = shown(number).replace("\t", "\\t")
            yield f"{number}\t{look}\t{'' if score is None else format(score, '.10g')}\n".encode()
