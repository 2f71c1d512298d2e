import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.text.subword.chunks import LONGEST, Chunks, Table

TEXTS = st.lists(st.text(alphabet="ab \n\té猫😀\0", max_size=90).map(lambda text: text + "\n"), min_size=1).map("".join)


def brute(text: str) -> list[str]:
    """The chunks, line ends included."""
    found = []
    for line in text.split("\n")[:-1]:
        found += [*re.findall("^ *[^ ]+|^ +| +[^ ]*", line), "\n"]
    return found


@given(TEXTS)
def test_chunks_are_cut_before_stretches_of_blanks(text):
    chunks = Chunks(text.encode())
    wanted = brute(text)
    parts = [chunks.data[a : a + n].decode() for a, n in zip(chunks.first.tolist(), chunks.length.tolist(), strict=True)]
    assert parts == wanted
    assert chunks.is_end.tolist() == [part == "\n" for part in wanted]
    assert chunks.begins.tolist() == [part != "\n" and before == "\n" for part, before in zip(wanted, ["\n", *wanted], strict=False)]
    assert chunks.alone.tolist() == [a and part == "\n" for a, part in zip(chunks.begins.tolist(), [*wanted[1:], ""], strict=True)]
    places = np.flatnonzero(~chunks.is_end)
    assert chunks.texts(places) == [part for part in wanted if part != "\n"]
    assert chunks.lines(places).tolist() == [i for i, line in enumerate(text.split("\n")[:-1]) if line]


@given(TEXTS)
def test_keys_are_equal_where_chunks_are(text):
    chunks = Chunks(text.encode())
    found = [tuple(key) for key in chunks.keys().tolist()]
    wanted = zip(brute(text), chunks.begins.tolist(), chunks.alone.tolist(), strict=True)
    pairs = {(a, b) for a, b in zip(found, wanted, strict=True) if len(b[0].encode()) <= LONGEST}
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)


@pytest.mark.parametrize("length", [*range(1, 20), 31, 32, 33, 63, 64])
def test_keys_see_every_byte(length):
    words = {bytes([97] * i + [other] + [97] * (length - i - 1)) for i in range(length) for other in (0, 97, 98, 200)}
    words |= {b"a" * other for other in (length - 1, length + 1)} - {b""}
    keys = {tuple(Chunks(word + b"\n").keys()[0].tolist()) for word in words}
    assert len(keys) == len(words)
    inside = tuple(Chunks(b"a " + b"a" * length + b"\n").keys()[1].tolist())
    beginning = tuple(Chunks(b" " + b"a" * length + b" b\n").keys()[0].tolist())
    alone = tuple(Chunks(b" " + b"a" * length + b"\n").keys()[0].tolist())
    assert len({inside, beginning, alone}) == 3


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=6), st.integers(0, 2**64 - 1))
def test_a_table_is_a_dictionary(batches, salt):
    table = Table(7)
    known: dict[int, int] = {}
    for batch in batches:
        keys = np.array([[number * salt % 2**64, number + 1] for number in batch], dtype=np.uint64).reshape(-1, 2)
        found = table.get(keys)
        assert found.tolist() == [known.get(number, -1) for number in batch]
        unseen = np.flatnonzero(found == -1)
        if len(unseen) > table.room:
            table.clear()
            known.clear()
            continue
        places, slots = table.claim(keys[unseen])
        numbers = unseen[places] * 3 - 2
        table.set(slots, numbers)
        new = {batch[place]: value for place, value in zip(unseen[places].tolist(), numbers.tolist(), strict=True)}
        assert len(new) == len(places) == len({batch[place] for place in unseen.tolist()})
        known |= new
        assert table.used == len(known)


def test_a_full_table_finds_what_it_has_and_nothing_else():
    table = Table(4)
    keys = np.array([[i, 1 + i] for i in range(table.room)], dtype=np.uint64)
    places, slots = table.claim(keys)
    table.set(slots, places)
    assert table.room == 0
    assert table.get(keys).tolist() == list(range(len(keys)))
    assert set(table.get(keys + np.uint64(1000)).tolist()) == {-1}
