"""Files that may be test sets of WMT, marked up as .sgm or .xml, or plain text: told by how they begin, whatever their name.

What the markup means is `sgm`'s, which is loaded where it is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from seqcli.data.blocks import BLOCK, Block, blocks, name_of
from seqcli.errors import Failure

if TYPE_CHECKING:
    from seqcli.data.sgm import Document, Set


def sets(path: Path) -> list[Set]:
    """What is in a marked-up file, in its order; nothing for plain text."""
    document, _ = opened(path)
    return document.sets() if document else []


def references_in(path: Path) -> list[str]:
    """The names by which to ask for each reference of a file: one empty name where there is but one text, as in plain text.

    A pipe can be read only once, so it is left alone: the empty name stands for its first reference.
    """
    if not path.is_file():
        return [""]
    return [each.name for each in sets(path) if each.kind == "reference"] or [""]


def segments(path: Path, kind: str = "", name: str = "", errors: str = "strict") -> Iterator[str]:
    """The segments of one set of a marked-up file, one line each: any white space is one blank, entities are decoded.

    `kind` is source, reference or system; without `name` it is the first of them. Of an .xml file, segments without any
    reference (if others have one) and test suites are left out, and a segment that the set lacks is empty.

    Raises:
        Failure: no such set, segments that do not end, broken XML, invalid UTF-8 under `strict`.
    """
    document, _ = opened(path)
    if document is None:
        raise Failure(f"{name_of(path)} is not a test set of WMT", hint="expected <srcset>, <refset>, <tstset> or <dataset>")
    from seqcli.data.sgm import choose

    known = document.sets(errors)
    yield from document.segments(choose(known, kind, name, name_of(path)), known, errors)


def opened(path: Path, size: int = BLOCK) -> tuple[Document | None, Iterator[Block]]:
    """A file that is marked up as a document, else None and the blocks of its text."""
    stream = blocks([path], size=size)
    head: list[Block] = []
    form = ""
    for block in stream:
        head.append(block)
        form = form_of(b"".join(each.data for each in head)) if block.data else ""
        if form:
            break
    if form in {"", "text"}:
        return None, chain(head, stream)
    from seqcli.data.sgm import Document

    if not path.is_file():
        return Document(path, form, (*head, *stream), size), iter(())
    return Document(path, form, None, size), iter(())


def form_of(head: bytes) -> str:
    """What a file is by its beginning: sgm, xml or text; empty where more must be known.

    >>> form_of(b"Fish and chips"), form_of(b"<REFSET setid=x>")
    ('text', 'sgm')
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not head.lstrip().startswith(b"<"):
        return "text"
    from seqcli.data import sgm

    return sgm.form_of(head)
