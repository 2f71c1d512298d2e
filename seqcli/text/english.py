"""English words in the conventions of Universal Dependencies' English Web Treebank.

Punctuation is cut off, contractions are cut in two (do|n't, can|not, I|'m, Ann|'s), hyphenated words are cut
(well|-|known) unless they begin with a prefix (non-stop, e-mail), an amount loses its unit (35|mm, 10|%, $|5), and
what has a form of its own stays whole: addresses, dates, telephone numbers, abbreviations, smileys.

>>> read_chunk("(didn't").words, read_chunk("well-known,").words, read_chunk("3.5kg").words
(('(', 'did', "n't"), ('well', '-', 'known', ','), ('3.5', 'kg'))
"""

from __future__ import annotations

import re
from functools import cache

from seqcli.text import unicode
from seqcli.text.chunk import JOINED, Chunk
from seqcli.text.english_bits import chunk_bits
from seqcli.text.english_ends import inner_ends, read_neighbours
from seqcli.text.english_lists import ABBREVIATIONS, CONTRACTIONS, FILE_SUFFIXES, PREFIXES, TOP_DOMAINS, UNITS

__all__ = ["read_chunk", "read_neighbours"]

_CLITICS = ("n't", "'s", "'m", "'d", "'re", "'ve", "'ll")
_STRAIGHT = str.maketrans("’`", "''")


def read_chunk(text: str) -> Chunk:
    """Cut a chunk, a text without white space, into its words."""
    if text.isascii() and text.isalpha() and text.lower() not in CONTRACTIONS:
        bits = chunk_bits([text])
        its = Chunk((text[:2], text[2:]), bytes([0, JOINED]), bits) if text.lower() == "its" else None
        return Chunk((text,), b"\0", bits, its)
    if unicode.is_foreign(text):
        foreign = unicode.read_chunk(text)
        return Chunk(foreign.words, foreign.marks, chunk_bits(foreign.words))
    words: list[str] = []
    marks = bytearray()
    for piece in _pieces(text):
        parts = _split_contraction(piece)
        leans = bool(words) and piece[0] in "'’`nN" and piece.lower().translate(_STRAIGHT) in _CLITICS  # AT&T|'s
        words += parts
        marks += bytes([JOINED * leans] + [JOINED] * (len(parts) - 1))
    if len(words) > 1 and words[-1] in ("'", "’") and words[-2][-1] in "sSxXzZ" and text[0] not in "'‘":
        marks[-1] = JOINED  # the possessive of a word in -s
    inner_ends(words, marks)
    bits = chunk_bits(words)
    at_end, last = None, words[-1]
    if len(last) > 2 and last[-1] == "." and last[-2].isalpha():  # the stop of an abbreviation ends the sentence too
        at_end = Chunk((*words[:-1], last[:-1], "."), bytes(marks) + b"\0", bits)
    return Chunk(tuple(words), bytes(marks), bits, at_end)


def _pieces(text: str) -> list[str]:
    """The chunk cut at punctuation; contractions are still whole."""
    word, mark = text[:-1], text[-1]
    if mark in ".,;:!?" and word.isalpha() and word.isascii():  # most chunks; and a short text never needs the pattern
        return [text] if mark == "." and _is_abbreviation(word) else [word, mark]
    return _match_pieces(text)


def _match_pieces(text: str) -> list[str]:
    """The same by the pattern, which knows every kind of piece."""
    pieces: list[str] = []
    at, pattern = 0, _pattern()
    while at < len(text):
        match = pattern.match(text, at)
        assert match is not None  # the last alternative takes any character
        piece = match[0]
        if match.lastgroup == "url":
            piece = piece.rstrip(".,;:!?'\"’”…*")
        elif match.lastgroup == "word":
            stop = text[match.end() : match.end() + 2]
            if stop[:1] == "." and stop != ".." and _is_abbreviation(piece):
                piece += "."
        pieces.append(piece)
        at += len(piece)
    return pieces


def _is_abbreviation(word: str) -> bool:
    if len(word) == 1 and word.isupper():
        return word != "I"
    return word in ABBREVIATIONS or (word.isupper() and word.capitalize() in ABBREVIATIONS)


def _split_contraction(word: str) -> list[str]:
    """The words of a contraction or possessive, or the word itself."""
    low = word.lower()
    if len(low) != len(word):  # a letter such as İ, whose lower case is two characters
        return [word]
    low = low.translate(_STRAIGHT)
    if (cuts := CONTRACTIONS.get(low)) is not None:
        return [word[a:b] for a, b in zip((0, *cuts), (*cuts, len(word)), strict=True)]
    if "'" not in low:  # every clitic has one
        return [word]
    parts: list[str] = []
    for _ in range(2):  # should|n't|'ve
        clitic = next((clitic for clitic in _CLITICS if low.endswith(clitic)), None)
        stem = low.removesuffix(clitic or "")
        if clitic is None or not stem or stem[-1] == "'" or (clitic == "'s" and stem.isdigit()):  # 1990's is one word
            break
        parts.append(word[len(stem) : len(low)])
        low = stem
    return [word[: len(low)], *reversed(parts)]


@cache
def _pattern() -> re.Pattern[str]:
    """What a word, a number, an address or a punctuation mark looks like; the first alternative that fits counts.

    Every repetition that could be tried again from each of its characters is bounded, so the time stays linear.
    """
    letter = r"[^\W_]"
    mark = r"[\u0300-\u036f\u00ad\u200c\u200d]"
    run = rf"(?:{letter}|{mark})++"
    word = rf"{run}(?:(?:['’`]|_++){run})*+"

    def any_of(words: frozenset[str] | str) -> str:
        entries = words.split() if isinstance(words, str) else words
        return "|".join(sorted(map(re.escape, entries), reverse=True))

    return re.compile(
        rf"""
        (?P<url>(?i:https?://|ftp://|www\.|mailto:)(?:\([^\s()<>"]{{0,99}}\)|[^\s()<>"\]])++)
        | (?:{letter}[\w.+%-]{{0,63}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,8}}+)                   # ann@example.org
        | (?:@{letter}[\w.]{{0,63}}(?<!\.))
        | (?:\#[^\W\d_]\w*+)
        | (?:[\w\#%&~+-]{{0,63}}(?:\.[\w\#%&~+-]{{1,63}}){{0,8}}\.(?i:{any_of(FILE_SUFFIXES)})(?!\w))
        | (?:[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,8}}\.(?i:{any_of(TOP_DOMAINS)})(?![\w.]\w)(?!\w)(?:/[^\s<>"),]*+)?)
        | (?:{letter}(?:\.{letter})++\.?+(?!\w)) | Ph\.D\.? | M\.Sc\.? | B\.Sc\.?                # U.S.
        | [A-Za-z]{{1,4}}&[A-Za-z]{{1,2}}(?!\w)                                                  # AT&T
        | [abhlmrAIHLMR]/[a-zA-Z](?![\w/]) | w/o(?!\w) | w/(?!\w)                                # b/c
        | (?<!-)(?i:{any_of(PREFIXES)})-{word}(?!-\w)                                           # non-stop
        | (?:\+?\d{{1,2}}[-.])?\d{{3}}[-./]\d{{3}}[-.]\d{{4}}(?!\w) | \d{{3}}-\d{{4}}(?!\w) | \d{{5}}-\d{{4}}(?!\w)
        | (?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}})(?!\w)   # 2001-09-11
        | (?:0?[1-9]|1[0-2])/(?:0[1-9]|[12]\d|3[01])(?!\w)                                    # 9/11, but 1 / 2
        | \d++['’`]s(?!\w)                                                                   # the 1990's
        | (?<!\w)\+\d++(?!\w)
        | \d++(?:[.,:]\d++)*+(?=(?:{any_of(UNITS)})(?!\w))
        | (?<![\w.])\.\d++(?!\w)
        | \d++(?:[.,:]\d++)++ | \d++(?!{letter})
        | ['’](?:\d\d(?:s)?|(?i:em|cause|til|tis|twas|bout|n))(?!\w)                           # '90s
        | (?<=[\w.)\]%\#])['’`](?i:s|m|d|re|ve|ll)(?!\w)                                        # AT&T|'s
        | [a-z]{{2,9}}(?:\.[a-z]{{1,20}}){{2,9}}(?![\w.])                                         # comp.sources.unix
        | US\$(?=\d)
        | (?P<word>{word})
        | [:;=][-']?[()\[\]/\\|*]++(?!\w) | (?<!\w)[:;=]-?[DPpOo](?!\w) | \(:(?!\w) | <3(?!\w)   # :-)
        | \^_+\^ | -_+- | >:\(
        | \.{{2,}}+ | [.?!…]{{2,}}+ | [-=*~+|<>_]{{3,}}+
        | (?P<same>[!-/:-@\[-`{{-~…—–‘’“”])(?P=same)++
        | [^\w\s](?:{mark}|[\ufe00-\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|(?<=\u200d)[^\w\s])*+ | .
        """,
        re.VERBOSE | re.DOTALL,
    )
