"""JSON Lines: fields pass through, offsets are right, what is broken is named."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import jsonl
from seqcli.data.examples import Batch, Tagging
from seqcli.data.text import pretokenized
from seqcli.errors import Failure
from seqcli.text.segment import RuleSegmenter

LABELS = ("A", "B", "C")
SEGMENTER = RuleSegmenter("en")
TEXTS = st.text(st.characters() | st.sampled_from("\n\r\0\u2028\x85\ud800\udfff\u200d😀. "), max_size=30)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
KEYS = st.text(max_size=5).filter(lambda key: key not in {"text", "tokens", "tags", "offsets", "sentences"})


def tagging(count, **more):
    return Tagging(LABELS, np.arange(count, dtype=np.int64) % len(LABELS), **more)


def tagged(lines):
    batch = jsonl.batch(jsonl.parse(lines), SEGMENTER)
    written = jsonl.write(batch, tagging(len(batch.tokens))).encode("utf-8", "backslashreplace").decode()
    return [json.loads(line) for line in written.split("\n")[:-1]]


@given(st.lists(TEXTS, max_size=4))
def test_words_lie_where_the_offsets_say(texts):
    found = tagged([json.dumps({"text": text}) for text in texts])
    assert [value["text"] for value in found] == texts
    for value in found:
        assert [value["text"][a:b] for a, b in value["offsets"]] == value["tokens"]
        assert len(value["tags"]) == len(value["tokens"]) == sum(value["sentences"])
        assert all(value["sentences"])
        last = 0
        for start, end in value["offsets"]:
            assert not value["text"][last:start].strip()
            last = end
        assert not value["text"][last:].strip()


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_unknown_fields_pass_through(fields):
    before = {"id": 1, **fields}
    [found] = tagged([json.dumps({**before, "text": "Hi you"})])
    assert {key: found[key] for key in before} == before
    assert list(found)[: len(before) + 1] == [*before, "text"]


@given(st.lists(st.text(min_size=1, max_size=5), max_size=4), st.booleans())
def test_tokens_are_taken_as_they_are(tokens, with_text):
    [found] = tagged([json.dumps({"tokens": tokens} | ({"text": "as it was", "offsets": "mine"} if with_text else {}))])
    assert found["tokens"] == tokens
    assert found["sentences"] == ([len(tokens)] if tokens else [])
    assert found.get("offsets") == ("mine" if with_text else None)


def test_mixed_kinds_of_record_keep_their_order():
    lines = ['{"text": "One. Two."}', "", '"Three"', '{"tokens": ["Four", "!"], "id": 9}']
    lines += ['{"tokens": null, "text": "Five"}', '{"tokens": []}']
    found = tagged(lines)
    assert [value["tokens"] for value in found] == [["One", ".", "Two", "."], [], ["Three"], ["Four", "!"], ["Five"], []]
    assert [value["sentences"] for value in found] == [[2, 2], [], [1], [2], [1], []]
    assert found[3]["id"] == 9


def test_lone_surrogates_go_in_and_out():
    [found] = tagged(['{"text": "a \\ud800 b \\ude00\\ud83d", "k\\udfff": "\\udfff"}'])
    assert "".join(found["tokens"]) == "a\ud800b\ude00\ud83d"
    assert found["k\udfff"] == "\udfff"


def test_lines_of_text_become_objects():
    lines = ["a b", "", "c"]
    batch = pretokenized(lines)
    found = [json.loads(line) for line in jsonl.write(batch, tagging(3)).split("\n")[:-1]]
    assert found[0] == {"text": "a b", "tokens": ["a", "b"], "tags": ["A", "B"], "sentences": [2], "offsets": [[0, 1], [2, 3]]}
    assert found[1] == {"text": "", "tokens": [], "tags": [], "sentences": [], "offsets": []}
    assert found[2]["text"] == "c"


def test_what_was_asked_for_is_there():
    batch = Batch.of([["a"], [], ["b", "c"]])
    nbest = [[(-0.5, np.array([1]))], [(-0.25, np.array([0, 2])), (-2.0, np.array([1, 1]))]]
    table = np.array([[0.5, 0.3, 0.2]] * 3)
    found = [json.loads(line) for line in jsonl.write(batch, tagging(3, proba=table, nbest=nbest)).split("\n")[:-1]]
    assert found[0]["probabilities"] == [{"A": 0.5, "B": 0.3, "C": 0.2}]
    assert found[1]["nbest"] == found[1]["probabilities"] == []
    assert found[2]["nbest"] == [[{"log_probability": -0.25, "tags": ["A", "C"]}, {"log_probability": -2.0, "tags": ["B", "B"]}]]


SPANS = ("B-LOC", "B-PER", "I-PER", "O")


def entities(batch, ids, certainty=None):
    found = Tagging(SPANS, np.array(ids), certainty=certainty)
    return [json.loads(line)["entities"] for line in jsonl.write(batch, found).split("\n")[:-1]]


def test_entities_say_where_they_stand_in_the_text_and_among_the_words():
    lines = ['{"text": "Ann\\nLee met Bo. In Rome"}', "", '{"tokens": ["Rome", "and", "Ann", "Lee"], "offsets": "mine"}']
    batch = jsonl.batch(jsonl.parse(lines), SEGMENTER)
    assert batch.tokens == ["Ann", "Lee", "met", "Bo", ".", "In", "Rome", "Rome", "and", "Ann", "Lee"]
    assert entities(batch, [1, 2, 3, 1, 3, 3, 0, 0, 3, 1, 2]) == [
        [
            {"label": "PER", "text": "Ann\nLee", "start": 0, "end": 7, "words": [0, 2]},
            {"label": "PER", "text": "Bo", "start": 12, "end": 14, "words": [3, 4]},
            {"label": "LOC", "text": "Rome", "start": 19, "end": 23, "words": [6, 7]},
        ],
        [],
        [{"label": "LOC", "text": "Rome", "words": [0, 1]}, {"label": "PER", "text": "Ann Lee", "words": [2, 4]}],
    ]


def test_entities_of_plain_lines_have_offsets_in_their_line_and_their_certainty():
    batch = pretokenized(["in  Rome", "", "Ann Lee"])
    found = entities(batch, [3, 0, 1, 2], np.array([0.25, 0.5]))
    assert found == [
        [{"label": "LOC", "text": "Rome", "start": 4, "end": 8, "words": [1, 2], "probability": 0.25}],
        [],
        [{"label": "PER", "text": "Ann Lee", "start": 0, "end": 7, "words": [0, 2], "probability": 0.5}],
    ]


def test_words_without_a_text_have_entities_without_characters():
    assert entities(Batch.of([["in", "Rome"]]), [3, 0]) == [[{"label": "LOC", "text": "Rome", "words": [1, 2]}]]


def test_tags_that_spell_no_spans_have_no_entities():
    assert "entities" not in json.loads(jsonl.write(Batch.of([["a"]]), tagging(1)))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("The cat", "not JSON"),
        ('{"text": "a"} {"text": "b"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "not JSON"),
        ("[1, 2]", "expected an object with `text` or `tokens`"),
        ("12", "expected an object"),
        ("null", "expected an object"),
        ('{"txt": "a"}', "expected an object"),
        ('{"text": 1}', "expected an object"),
        ('{"tokens": "a b"}', "`tokens` must be a list of words"),
        ('{"tokens": ["a", ""]}', "`tokens` must be a list of words"),
        ('{"tokens": ["a", 1]}', "`tokens` must be a list of words"),
        ('{"tokens": [["a"]]}', "`tokens` must be a list of words"),
    ],
)
def test_a_broken_line_is_named(line, what):
    with pytest.raises(Failure) as caught:
        jsonl.parse(['{"text": ""}', "", line], "talk.jsonl", first_line=8)
    assert f"talk.jsonl, line 10: {what}" in str(caught.value)
    assert "\n" not in str(caught.value)
