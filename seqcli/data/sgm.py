r"""Segments out of the marked-up files of WMT's test sets: .sgm (to 2020) and .xml (since 2021).

An .sgm file looks like XML and is not: `&` and `<` stand in its text as they are. It is a `srcset`, a `refset` or a `tstset` (or
several) of documents of segments, and nothing but these tags is looked at. An .xml file is well-formed and has source,
references and systems together, document by document.

A file is a number of sets: one **source**, and **references** and **systems** by name. It is read twice, once to know its sets and
once for the segments; a pipe is kept in memory meanwhile.

>>> lines = b'<refset refid="A">\n<doc docid=x>\n<seg id=1>Fish &amp;\n chips</seg>\n</doc></refset>\n'
>>> list(read_sgm([Block(lines, "ref.sgm", 1)]))
[(('reference', 'A'), 'Fish &amp;\n chips')]
>>> clean('Fish &amp;\n chips')
'Fish & chips'
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

from seqcli.data.blocks import Block, blocks
from seqcli.errors import Failure, nearest

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Key = tuple[str, str]  # of a set: its kind (source, reference, system) and its name
Parts = dict[Key, dict[tuple[str, int], str]]  # a document: set → (number, how manieth of that number) → text

SGM_KINDS = {"srcset": "source", "refset": "reference", "tstset": "system"}
SGM_NAMES = {"srcset": (), "refset": ("refid", "sysid"), "tstset": ("sysid",)}  # where a set's name stands
XML_KINDS = {"src": ("source", ""), "ref": ("reference", "translator"), "hyp": ("system", "system")}
FORMS = {b"srcset": "sgm", b"refset": "sgm", b"tstset": "sgm", b"mteval": "sgm", b"dataset": "xml"}
HEAD = 1 << 16  # bytes in which the root element must come

BEFORE_ROOT = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.IGNORECASE | re.DOTALL)
ROOT = re.compile(rb"<(srcset|refset|tstset|mteval|dataset)[\s>]", re.IGNORECASE)
ENCODING = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""")
PIECE = re.compile(  # letter classes: with IGNORECASE it would take three times as long
    r"<(?:[sS][eE][gG]\b[^<>]*(?<!/)>(?P<text>[^<]*(?:<(?!/[sS][eE][gG]\s*>)[^<]*)*)</[sS][eE][gG]\s*>"
    r"|(?P<tag>(?:[sS][rR][cC]|[rR][eE][fF]|[tT][sS][tT])[sS][eE][tT]|[dD][oO][cC])\b(?P<attributes>[^>]*)>"
    r"|[sS][eE][gG]\b[^<>]*/>"
    r"|!--(?:.*?-->|(?P<unended>.*)))",
    re.DOTALL,
)
OPENED = re.compile(r"<(?:(?:srcset|refset|tstset|doc|seg)\b|!--)", re.IGNORECASE)
INSIDE = re.compile(r"<(?:seg|/?doc)[\s>]", re.IGNORECASE)  # what cannot stand in a segment
ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


@dataclass(frozen=True, slots=True)
class Set:
    """One text of a marked-up file."""

    kind: str  # source, reference or system
    name: str  # of the translator or the system; may be empty
    segments: int

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.kind, self.name

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".rstrip()


@dataclass(frozen=True, slots=True)
class Document:
    """A marked-up file, to be read as often as needed."""

    path: Path
    form: str  # sgm or xml
    kept: tuple[Block, ...] | None  # what came through a pipe
    size: int

    def blocks(self) -> Iterator[Block]:
        """The file from its beginning."""
        return (block for block in self.kept or blocks([self.path], size=self.size) if block.data)

    def sets(self, errors: str = "strict") -> list[Set]:
        """What is in it, in its order."""
        if self.form == "xml":
            return xml_sets(read_xml(self.blocks(), errors))
        counts = Counter(key for key, _ in read_sgm(self.blocks(), errors))
        return [Set(*key, count) for key, count in counts.items()]

    def segments(self, wanted: Set, sets: Sequence[Set], errors: str = "strict") -> Iterator[str]:
        """The text of one of its `sets`."""
        if self.form == "sgm":
            return (clean(text) for key, text in read_sgm(self.blocks(), errors) if key == wanted.key)
        has_references = any(each.kind == "reference" for each in sets)
        return (
            one_line(parts.get(wanted.key, {}).get(number, ""))
            for parts in read_xml(self.blocks(), errors)
            for number in numbers(parts, has_references)
        )


def form_of(head: bytes) -> str:
    """What a file is by what comes before and in its root element: sgm, xml or text; empty where more must be known.

    >>> form_of(b"<?xml version='1.0'?>"), form_of(b"<?xml version='1.0'?><dataset id='x'>"), form_of(b"<REFSET setid=x>")
    ('', 'xml', 'sgm')
    >>> form_of(b"<b>Fish</b> is a word in bold"), form_of(b"<!DOCTYPE html> is how it begins")
    ('text', 'text')
    """
    at = 0
    while found := BEFORE_ROOT.match(head, at):
        at = found.end()
    if root := ROOT.match(head, at):
        return FORMS[root[1].lower()]
    undecided = not head[at:] or head.startswith((b"<?", b"<!"), at)
    return "" if undecided and len(head) < HEAD else "text"


def choose(known: Sequence[Set], kind: str, name: str, file: str) -> Set:
    """The set that is asked for; without a name the nameless or the first, and any if it is the only one.

    >>> choose([Set("reference", "A", 9), Set("reference", "B", 9)], "reference", "", "ref.sgm").name
    'A'
    >>> choose([Set("system", "online-B", 9)], "system", "onlineB", "hyp.sgm")
    Traceback (most recent call last):
    seqcli.errors.Failure: hyp.sgm: no system 'onlineB' (did you mean 'online-B'?)
    """
    if not known:
        raise Failure(f"{file} holds no segments")
    of_kind = [each for each in known if each.kind == kind]
    fitting = of_kind or known
    if named := [each for each in fitting if each.name == name]:
        fitting = named
    elif name:
        raise Failure(f"{file}: no {kind or 'set'} {name!r}", hint=nearest(name, [each.name for each in fitting if each.name]))
    if kind and not of_kind and len(fitting) > 1:
        raise Failure(f"{file} holds no {kind}", hint=f"it has: {', '.join(map(str, known))}")
    return fitting[0]


def read_sgm(source: Iterable[Block], errors: str = "strict") -> Iterator[tuple[Key, str]]:
    """The set and the raw text of every segment."""
    tag, of_set, key = "", {}, ("", "")
    for piece, name, line in pieces(source, errors):
        if piece.lastgroup == "text":
            text = piece[1]
            if "<" in text and INSIDE.search(text):
                raise unended(piece[0], name, line + piece.string.count("\n", 0, piece.start()))
            yield key, text
        elif piece.lastgroup == "attributes":
            found = attributes(piece["attributes"])
            if piece["tag"].lower() != "doc":
                tag, of_set, found = piece["tag"].lower(), found, {}
            key = SGM_KINDS.get(tag, ""), set_name(tag, of_set, found)
        elif not piece[0].startswith("<!"):
            yield key, ""


def pieces(source: Iterable[Block], errors: str) -> Iterator[tuple[re.Match[str], str, int]]:
    """The tags, comments and segments of an .sgm file, with its name and the number of the line where the match's string begins."""
    text, name, line = "", "", 1
    for block in source:
        text, name, at = text + block.text(errors), block.name, 0
        for piece in PIECE.finditer(text):
            if piece.lastgroup == "unended":
                break
            yield piece, name, line
            at = piece.end()
        begun = OPENED.search(text, at)  # what ends in a later block
        at = begun.start() if begun else len(text)
        line += text.count("\n", 0, at)
        text = text[at:]
        if len(INSIDE.findall(text)) > 1 and not text.startswith("<!"):
            break
    if text:
        raise unended(text, name, line)


def unended(piece: str, name: str, line: int) -> Failure:
    """What is said of a tag, a comment or a segment that goes on and on."""
    if piece.startswith("<!--"):
        return Failure(f"{name}, line {line}: a comment without -->")
    tag = piece[1:4].lower()
    return Failure(f"{name}, line {line}: " + ("<seg> without </seg>" if tag == "seg" else "a tag without >"))


def attributes(text: str) -> dict[str, str]:
    """The attributes of a tag, quoted or not.

    >>> attributes(''' setid="news 14" SysID=online-A lang='de' ''')
    {'setid': 'news 14', 'sysid': 'online-A', 'lang': 'de'}
    """
    return {name.lower(): decode(one or two or bare) for name, one, two, bare in ATTRIBUTE.findall(text)}


def set_name(tag: str, of_set: dict[str, str], of_document: dict[str, str]) -> str:
    """The name of a reference or system, which some files give to the set and others to each document."""
    for attribute in SGM_NAMES.get(tag, ()):
        first, second = (of_set, of_document) if attribute == "refid" else (of_document, of_set)
        if name := first.get(attribute) or second.get(attribute):
            return name
    return ""


def clean(text: str) -> str:
    """A raw segment as one line of text."""
    return one_line(decode(text))


def one_line(text: str) -> str:
    """Words one blank apart."""
    if text.isprintable() and "  " not in text:  # no white space but the blank is printable, and to split is slower
        return text.strip()
    return " ".join(text.split())


def decode(text: str) -> str:
    """XML's entities and numbers as characters; an `&` that begins none is a letter like others.

    >>> decode("R&D &lt;3 &#8364;&#x20AC; &copy; &#0;")
    'R&D <3 €€ &copy; &#0;'
    """
    return ENTITY.sub(character, text) if "&" in text else text


def character(found: re.Match[str]) -> str:
    """What one entity stands for; itself if that is no character."""
    if found[3]:
        return ENTITIES[found[3]]
    code = int(found[1]) if found[1] else int(found[2], 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF else found[0]


def read_xml(source: Iterable[Block], errors: str = "strict") -> Iterator[Parts]:
    """The documents, one at a time; test suites are left out."""
    from xml.etree.ElementTree import ParseError, XMLPullParser

    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    above: list[Element] = []
    name, foreign = "", None
    try:
        for block in source:
            name = block.name
            if foreign is None:
                declared = ENCODING.search(block.data[:200])
                foreign = bool(declared and declared[1].lower() not in {b"utf-8", b"utf8", b"us-ascii"})
            parser.feed(block.data if foreign else block.text(errors))
            for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                if event == "start":
                    above.append(element)
                    continue
                above.pop()
                if element.tag == "doc":
                    if "testsuite" not in element.attrib:
                        yield parts_of(element)
                    for each in above:
                        each.clear()
        parser.close()
    except ParseError as error:
        reason = str(error).partition(":")[0]
        raise Failure(f"{name}, line {error.position[0]}: broken XML: {reason}") from None


def parts_of(document: Element) -> Parts:
    """The texts of a `doc` element, set by set."""
    parts: Parts = {}
    for element in document.iter():
        if element.tag in XML_KINDS:
            kind, attribute = XML_KINDS[element.tag]
            texts = parts.setdefault((kind, element.get(attribute, "")), {})
            for segment in element.iter("seg"):
                number, again = segment.get("id", ""), 0
                while (number, again) in texts:
                    again += 1
                texts[number, again] = "".join(segment.itertext())
    return parts


def numbers(parts: Parts, has_references: bool) -> list[tuple[str, int]]:
    """The segments of a document that count: the source's, with a reference in a file that has any."""
    all_numbers = parts.get(("source", "")) or dict.fromkeys(chain.from_iterable(parts.values()))
    if not has_references:
        return list(all_numbers)
    references = [texts for (kind, _), texts in parts.items() if kind == "reference"]
    return [number for number in all_numbers if any(texts.get(number) for texts in references)]


def xml_sets(documents: Iterable[Parts]) -> list[Set]:
    """The sets and how many segments that count each has."""
    every: Counter[Key] = Counter()
    referenced: Counter[Key] = Counter()
    for parts in documents:
        for has_references, counts in ((False, every), (True, referenced)):
            counted = numbers(parts, has_references)
            for key, texts in parts.items():
                counts[key] += sum(number in texts for number in counted)
    counts = referenced if any(kind == "reference" for kind, _ in every) else every
    return [Set(*key, count) for key, count in counts.items()]
