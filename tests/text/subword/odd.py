"""Texts that are hard on tokenizers, corpora, and what holds of ids on them; for the oracles."""

from __future__ import annotations

import gzip
import os
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.conftest import ROOT

DATA = Path(os.environ.get("SEQ_DATA", ROOT.parent / "shared" / "data"))
ODD = ["\t", "\u3000", "\xa0", "\x01", "\u200b", "\u0301", "\u0308x", "\u1100\u1161", "\u11a8", "ﷺ", "▁", "▁▁a", "…", "😀", "漢字", "ﾊﾞ",
       "Ａ①㌀", "\x00", "\r", "\x85", "\u2028", "é", "e\u0301", "ſ", "\u212b", "İ", "<sep>", "New York", "<s>", "</s>", "<unk>",
       "<0x41>", "@@", "</w>", "don't", "I'LL", "'ſ", "[MASK]", "##ing", "a//b", "1234", "\ufffd", "x" * 120]  # fmt: skip
TEXTS = sorted((ROOT / "sample_data" / "translation").glob("*.??"))
CORPORA = ["multi30k/train.en", "multi30k/train.de", "multi30k/train.fr", "wikitext2/train.txt"]
PARTS = ["multi30k/val.en", "multi30k/val.de", "wikitext2/valid.txt"]


@cache
def training() -> list[str]:
    """A few hundred lines of the sample data."""
    lines = [line for path in TEXTS for line in path.read_text(encoding="utf-8").split("\n") if line]
    return (lines * (1 + 400 // len(lines)))[:800]


WORDS = sorted({word for line in training() for word in line.split()})
WORD = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(ODD), st.text(max_size=4))
SPACE = st.sampled_from([" ", " ", " ", "  ", "    ", ""])
LINE = st.one_of(
    st.tuples(SPACE, st.lists(st.tuples(WORD, SPACE), max_size=8)).map(lambda drawn: drawn[0] + "".join(map("".join, drawn[1]))),
    st.text(st.sampled_from("abcde  ▁\t\u0301\u3000.,\x01"), max_size=12),
)
LINES = st.lists(LINE, min_size=1, max_size=12)


def corpus(name: str, most: int | None = None) -> list[str]:
    path = DATA / f"{name}.gz"
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    return gzip.decompress(path.read_bytes()).decode().split("\n")[:-1][:most]


def same(found, wanted, texts):
    """Equal, or the first text that is not."""
    assert len(found) == len(wanted)
    for ours, theirs, text in zip(found, wanted, texts, strict=True):
        assert ours == theirs, text


def in_chunks(ours, texts):
    """Where a text may be cut before blanks, its chunks give its ids, or say that they cannot."""
    for text in texts:
        chunks = re.findall(" *[^ ]+", text)  # blanks at the end of a line are not inside
        if len(chunks) > 1 and not text.endswith(" "):
            parts = [*ours.encode_begin(chunks[:1]), *ours.encode_inside(chunks[1:])]
            if None not in parts:
                assert [i for part in parts for i in part] == ours.encode([text])[0], text
