"""Parallel text: what is paired, what is left out, what is refused."""

from __future__ import annotations

import gzip

import pytest

from seqcli.data import pairs
from seqcli.errors import Failure, UsageFailure


@pytest.fixture
def write(tmp_path):
    def call(name, *lines):
        path = tmp_path / name
        data = "".join(line + "\n" for line in lines).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return call


def test_files_follow_each_other(write):
    src = [write("a.en", "one", "two"), write("b.en.gz", " three ")]
    tgt = [write("a.de", "eins", "zwei"), write("b.de", "drei")]
    found = pairs.read(src, tgt)
    assert found.sources == ["one", "two", " three "]
    assert found.targets == ["eins", "zwei", "drei"]
    assert (found.read, found.told()) == (3, "")


def test_a_blank_side(write):
    en, de = write("en", "one", "", "three", " ", "five"), write("de", "eins", "zwei", "", "\t", "fünf")
    found = pairs.read([en], [de])
    assert (found.sources, found.targets) == (["one", "five"], ["eins", "fünf"])
    assert found.told() == f"3 pairs left out, a side of which is blank ({en}, line 2, {de}, line 3, {en}, line 4)"


def test_unequal_lengths(write):
    en, de = write("en", "one", "two", "three"), write("de", "eins")
    with pytest.raises(Failure) as failure:
        pairs.read([en], [de])
    assert str(failure.value) == f"{en} has 3 lines, {de} 1 (the nth of one belongs to the nth of the other)"


def test_unequal_numbers_of_files(write):
    with pytest.raises(UsageFailure, match="2 files of sources and 1 of targets"):
        pairs.read([write("en", "one"), write("en2", "two")], [write("de", "eins")])


def test_nothing_left(write):
    with pytest.raises(Failure, match="no pair of lines"):
        pairs.read([write("en", "one", "")], [write("de", "", "zwei")])


@pytest.mark.parametrize(("share", "sizes"), [(0.1, (9, 1)), (0.5, (5, 5)), (0.01, (9, 1))], ids=str)
def test_held_out(write, share, sizes):
    lines = [str(i) for i in range(10)]
    found = pairs.read([write("en", *lines)], [write("de", *lines)])
    train, dev = found.cut(share)
    assert (len(train), len(dev)) == sizes
    assert train.sources + dev.sources == train.targets + dev.targets == lines
