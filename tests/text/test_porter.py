"""Stems against nltk's, on words of corpora, on all short words of a few letters, and on made-up words with many endings."""

import gzip
import lzma
import os
import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer

from seqcli.text import porter

DATA = Path(os.environ.get("SEQ_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
THEIRS = PorterStemmer()
ENDINGS = [*(ending for ending, _ in porter.STEP_2 + porter.STEP_3), *porter.STEP_4, "s", "es", "ies", "sses", "ss", "ed", "eed", "ied",
           "ing", "y", "e", "ll", "at", "bl", "iz", "tt", "al"]  # fmt: skip
ODD = [
    "dying", "lying", "tying", "sky", "skies", "news", "inning", "innings", "outing", "outings", "canning", "cannings", "howe",
    "proceed", "exceed", "succeed", "die", "dies", "died", "flies", "fly", "spied", "try", "enjoy", "say", "y", "yy", "yyy",
    "syzygy", "feed", "agreed", "bled", "sing", "motoring", "hopping", "falling", "hissing", "fizzed", "filing", "failing",
    "roll", "controll", "controlling", "rationally", "vitally", "geology", "archaeology", "analogousli", "2nd", "1990s", "b2b",
    "xxs", "ied", "eed", "ing", "ed", "s", "es", "ies", "ou", "ion", "adoption", "fulli", "wilfulness", "bowdlerize", "probate",
    "rate", "cease", "aing", "eing", "oed", "bing",
]  # fmt: skip


def same(words):
    assert [porter.stem(word) for word in words] == [THEIRS.stem(word) for word in words]


def test_odd_words():
    same(ODD)


def test_all_words_of_five_letters_and_less():
    same(["".join(letters) for size in range(1, 6) for letters in product("aytlsde", repeat=size)])


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.text("aeiouybcdlstzwx1", max_size=4), st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=3)), min_size=50
    )
)
def test_words_with_many_endings(drawn):
    same([start + "".join(endings) for start, endings in drawn])


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["wikitext2/train.txt.gz", "corpus/enwiki_sample.txt.xz", "corpus/ebooks.txt.xz"])
def test_words_of_corpora(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"no {path}: set SEQ_DATA to the folder of data sets")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else lzma.open(path, "rt", encoding="utf-8") as stream:
        words = set(re.findall("[a-z0-9]+", stream.read(1 << 22).lower()))
    assert len(words) > 10000
    same(sorted(words))
