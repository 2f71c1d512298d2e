"""Any tokenizer of the `tokenizers` package, ours or others', from its tokenizer.json."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from seqcli.errors import Failure
from seqcli.text.subword import separable
from seqcli.text.subword.tokenizer import Piece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTES = {f"<0x{byte:02X}>": byte for byte in range(256)}  # how byte fallback spells them
BLANKS = (" ", "▁", "Ġ")  # how a vocabulary spells a blank
EACH = [{"Regex": each} for each in (r"[\s\S]", "(?m:.)", ".", "")]  # patterns for every character
KINDS = {"BPE": "bpe", "Unigram": "unigram", "WordPiece": "wordpiece", "WordLevel": "word"}


class Library:
    """A tokenizer of the package, behind the protocol `Subword`.

    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> words = Tokenizer(models.WordLevel({"the": 0, "cat": 1, "?": 2}, unk_token="?"))
    >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> library = Library(words)
    >>> library.kind, library.unknown, library.encode(["the cat sat"]), library.encode_inside(["  cat"])
    ('word', 2, [[0, 1, 2]], [[1]])
    >>> library.pieces("the  cat")
    [Piece(id=0, piece='the', start=0, end=3), Piece(id=1, piece='cat', start=5, end=8)]
    """

    def __init__(self, tokenizer: Tokenizer, kind: str = "") -> None:
        """`kind` is found out if it is not given. What the file says of padding and truncation is left aside."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.kind = kind or self.found_kind()

    @classmethod
    def of(cls, text: str, kind: str = "") -> Library:
        """From the text of a tokenizer.json that is known to be one."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_str(text), kind)

    @classmethod
    def read(cls, path: Path, kind: str = "") -> Library:
        """From a tokenizer.json.

        Raises:
            Failure: it cannot be read, or is something else.
        """
        from tokenizers import Tokenizer

        try:
            data = path.read_bytes()
        except OSError as error:
            raise Failure(f"cannot read {path}: {error.strerror}") from None
        try:
            return cls(Tokenizer.from_buffer(data), kind)
        except (Exception, BaseExceptionGroup) as error:  # the package raises Exception itself
            raise Failure(f"{path}: not a tokenizer.json: {str(error).splitlines()[0]}") from None

    def found_kind(self) -> str:
        """The method, by the parts."""
        model = type(self.tokenizer.model).__name__
        steps = separable.steps(self.tokenizer.pre_tokenizer, "pretokenizers")
        if model == "BPE" and "ByteLevel" in [step["type"] for step in steps]:
            return "byte-bpe"
        if model == "WordLevel" and len(steps) == 1 and steps[0].get("pattern") in EACH:
            return "char"
        return KINDS.get(model, model.lower())

    @cached_property
    def state(self) -> dict[str, Any]:
        """The model as its file has it: large."""
        found: dict[str, Any] = json.loads(self.tokenizer.model.__getstate__())
        return found

    @cached_property
    def vocabulary(self) -> Sequence[str]:
        """The pieces by id, (V,), added tokens included."""
        ids = self.tokenizer.get_vocab(with_added_tokens=True)
        pieces = [""] * (max(ids.values(), default=-1) + 1)
        for piece, number in ids.items():
            pieces[number] = piece
        return pieces

    @cached_property
    def unknown(self) -> int | None:
        """The id of what the vocabulary lacks; None where bytes stand in for it, or nothing does."""
        model, known = self.tokenizer.model, self.tokenizer.token_to_id
        if type(model).__name__ == "Unigram":
            spelled, number = bool(self.state["byte_fallback"]), cast("int | None", self.state["unk_id"])
        else:
            token: str | None = model.unk_token
            spelled, number = getattr(model, "byte_fallback", False), None if token is None else known(token)
        if spelled and all(known(piece) is not None for piece in BYTES):
            return None
        if self.kind == "byte-bpe" and number is not None:
            from tokenizers.pre_tokenizers import ByteLevel

            return None if all(known(piece) is not None for piece in ByteLevel.alphabet()) else number
        return number

    @cached_property
    def separable(self) -> bool:
        """See `Subword`; decided by the parts, False where it is not proven."""
        return separable.is_separable(self.tokenizer)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each line."""
        found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def encode_inside(self, chunks: Sequence[str]) -> Sequence[list[int] | None]:
        """The ids of chunks that follow another word: they are put after one, whose ids are dropped.

        None for a chunk that ends in white space, which may run together with the blanks that come next, or has a token after which
        the text begins anew.
        """
        [before] = self.encode(["x"])
        found = self.encode(["x" + chunk for chunk in chunks])
        return [
            None if ids[: len(before)] != before or self.is_open(chunk) else ids[len(before) :]
            for chunk, ids in zip(chunks, found, strict=True)
        ]

    def encode_begin(self, chunks: Sequence[str]) -> Sequence[list[int] | None]:
        """The ids of chunks that begin a line; None as in `encode_inside`."""
        return [None if self.is_open(chunk) else ids for chunk, ids in zip(chunks, self.encode(chunks), strict=True)]

    def is_open(self, chunk: str) -> bool:
        """Whether a chunk and what follows it may depend on each other."""
        if self.begins_anew is not None and self.begins_anew.search(chunk):
            return True
        if not chunk.strip(" ") or ("!" <= chunk[-1] <= "~" and not self.replaces):
            return False
        normalizer = self.tokenizer.normalizer
        found = "x" + chunk if normalizer is None else normalizer.normalize_str("x" + chunk)
        return not found or found[-1].isspace() or found[-1] in BLANKS

    @cached_property
    def begins_anew(self) -> re.Pattern[str] | None:
        """Added tokens after which the normalizer puts something before the text, as it does at the beginning of a line."""
        if all(step["type"] != "Prepend" for step in separable.steps(self.tokenizer.normalizer, "normalizers")):
            return None
        added = self.tokenizer.get_added_tokens_decoder().values()
        contents = [re.escape(token.content) for token in added if not token.normalized and token.content]
        return re.compile("|".join(contents)) if contents else None

    @cached_property
    def replaces(self) -> bool:
        """Whether the normalizer may make blanks of visible ASCII characters."""
        return any(step["type"] == "Replace" for step in separable.steps(self.tokenizer.normalizer, "normalizers"))

    def pieces(self, text: str) -> list[Piece]:
        """One line with offsets, which do not overlap.

        Of several pieces within one character the first has it, the others are empty at its end; a blank that the method puts before
        the line is empty at 0. Where the method loses nothing, the pieces tile the text.
        """
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        parts = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        pieces = [Piece(number, token, *span) for number, token, span in parts]
        if len(pieces) > 1 and pieces[0].piece in BLANKS and pieces[1].start == 0:
            pieces[0] = pieces[0]._replace(end=0)
        found: list[Piece] = []
        end = 0
        for piece in self.byte_spans(text, pieces):
            start = max(piece.start, end)
            end = max(piece.end, start)
            found.append(piece._replace(start=start, end=end))
        return found

    @staticmethod
    def byte_spans(text: str, pieces: list[Piece]) -> list[Piece]:
        """The same with the span of a run of byte pieces shared out among them."""
        found = list(pieces)
        first = 0
        while first < len(pieces):
            last = first + 1
            if pieces[first].piece in BYTES:
                start, end = pieces[first][2:]
                while last < len(pieces) and pieces[last].piece in BYTES and pieces[last][2:] == (start, end):
                    last += 1
                spans = [(at, at + 1) if not i else (at + 1, at + 1) for at in range(start, end) for i in range(len(text[at].encode()))]
                missing = last - first - len(spans)
                if missing >= 0 and bytes(BYTES[piece.piece] for piece in pieces[first + missing : last]) == text[start:end].encode():
                    spans = [(start, start)] * missing + spans
                    found[first:last] = [Piece(*piece[:2], *span) for piece, span in zip(pieces[first:last], spans, strict=True)]
            first = last
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """The text that ids stand for.

        Raises:
            Failure: an id that the vocabulary has not.
        """
        size = len(self.vocabulary)
        for number in ids:
            if not 0 <= number < size or not self.vocabulary[number]:
                raise Failure(f"id {number} is not in the vocabulary", hint=f"ids go from 0 to {size - 1}")
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)

    def scores(self) -> Sequence[float] | None:
        """Unigram's log-probabilities; for BPE the rank of the merge that makes the piece, from 1, and 0 if none does; else None."""
        found = [0.0] * len(self.vocabulary)
        if "merges" in self.state:
            ids: dict[str, int] = self.state["vocab"]
            prefix = self.state.get("continuing_subword_prefix") or ""
            for rank, pair in enumerate(self.state["merges"], start=1):
                left, right = pair.split(" ") if isinstance(pair, str) else pair
                number = ids.get(left + right.removeprefix(prefix))
                if number is not None and not found[number]:
                    found[number] = float(rank)
            return found
        if self.tokenizer.model.__class__.__name__ != "Unigram":
            return None
        for number, (_, score) in enumerate(self.state["vocab"]):
            found[number] = score
        return found
