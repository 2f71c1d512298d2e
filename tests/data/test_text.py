"""Plain text: words in, `word/TAG` out, a line a line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import text
from seqcli.data.examples import Batch, Tagging
from seqcli.errors import Failure

LABELS = ("A", "B", "C")
LINES = st.lists(st.text(st.characters(exclude_characters="\n") | st.sampled_from(" \t\u2028\x85\x1c\u3000"), max_size=12), max_size=6)


def tagging(count, **more):
    return Tagging(LABELS, np.arange(count, dtype=np.int64) % len(LABELS), **more)


@given(LINES)
def test_words_lie_where_the_spans_say(lines):
    batch = text.pretokenized(lines)
    assert batch.spans is not None
    spans = batch.spans()
    assert spans.shape == (len(batch.tokens), 2)
    ends = text.record_ends(batch).tolist()
    for line, start, end in zip(lines, [0, *ends], ends, strict=False):
        assert [line[a:b] for a, b in spans[start:end].tolist()] == batch.tokens[start:end] == line.split()


@given(LINES)
def test_a_line_a_line(lines):
    batch = text.pretokenized(lines)
    count = len(batch.tokens)
    found = text.write(batch, tagging(count))
    tags = iter(tagging(count).tags())
    assert found == "".join(" ".join(f"{word}/{next(tags)}" for word in line.split()) + "\n" for line in lines)
    table = np.full((count, 3), 0.25)
    tags = iter(tagging(count).tags())
    expected = "".join(" ".join(f"{word}/{next(tags)}/0.2500" for word in line.split()) + "\n" for line in lines)
    assert text.write(batch, tagging(count, proba=table)) == expected


@given(st.lists(st.lists(st.integers(1, 3), max_size=3), max_size=5))
def test_sentences_of_one_line_stay_on_it(shape):
    lengths = np.array([length for record in shape for length in record], dtype=np.int64)
    count = int(lengths.sum())
    batch = Batch([f"w{i}" for i in range(count)], lengths, np.array([len(record) for record in shape], dtype=np.int64))
    found = text.write(batch, tagging(count)).split("\n")[:-1]
    assert [len(line.split()) for line in found] == [sum(record) for record in shape]


def test_taggings_in_order_and_blank_records():
    batch = Batch(["a", "b", "c"], np.array([2, 1]), np.array([0, 2, 0]))
    nbest = [[(-0.5, np.array([0, 1])), (-1.0, np.array([1, 1]))], [(-0.25, np.array([2]))]]
    found = text.write(batch, tagging(3, nbest=nbest))
    assert found == "\n-0.500000\ta/A b/B\n-1.000000\ta/B b/B\n\n-0.250000\tc/C\n\n\n"


def test_a_word_with_a_line_end_is_refused():
    with pytest.raises(Failure, match="use -f jsonl"):
        text.write(Batch.of([["a\nb"]]), tagging(1))


def test_nothing_in_nothing_out():
    assert text.write(text.pretokenized([]), tagging(0)) == ""
    assert text.find_spans([], []).shape == (0, 2)
