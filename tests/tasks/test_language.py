"""How probable a text is: rows, sums, and what is counted."""

import json
import math

import numpy as np
import pytest

from seqcli.data import folder
from seqcli.data.blocks import Block
from seqcli.errors import Failure
from seqcli.models import registry
from seqcli.models.language_model import LanguageModel
from seqcli.models.ngram import Recipe, learn
from seqcli.tasks import language
from seqcli.tasks.language import Sum, TextScorer, measure
from seqcli.text.codec import Codec

TEXT = "the cat sat\n\nthe dog ran\n the zebra\n"


def model_of(record="line", units="word"):
    pieces = ["<unk>", "cat", "dog", "ran", "sat", "the"] if units == "word" else ["<unk>", *"AB|"]
    codec = Codec.of_pieces(pieces, units, record)
    texts = ["the cat sat", "the dog ran", "the dog sat", ""] if units == "word" else ["AB|\nA|", "B|"]
    return learn(codec, codec.flat(codec.encode(texts)), Recipe(order=3))


def rows(scorer, *blocks):
    return b"".join(scorer(iter(blocks))).decode()


def test_a_row_a_line():
    model = model_of()
    scorer = TextScorer(model)
    found = rows(scorer, Block(TEXT.encode(), "text", 1)).split("\n")
    wanted = model.log_probs(model.codec.encode(["the cat sat", "the dog ran", "the zebra"]))
    assert found[1] == found[4] == ""
    for line, row in zip((found[0], found[2], found[3]), wanted, strict=True):
        total, tokens, each = line.split("\t")
        assert float(total) == pytest.approx(row.sum(), abs=1e-6)
        assert int(tokens) == len(row)
        assert float(each) == pytest.approx(math.exp(-row.mean()), rel=1e-4)
    total = sum(row.sum() for row in wanted)
    assert scorer.sum.log_likelihood == pytest.approx(total)
    assert scorer.sum == Sum(scorer.sum.log_likelihood, tokens=11, unknown=1, words=8, texts=3, bytes=len(TEXT) - 1)
    assert scorer.sum.word_perplexity == scorer.sum.perplexity  # words and ends are the tokens
    assert scorer.sum.bits_per_byte == pytest.approx(-total / math.log(2) / (len(TEXT) - 1))
    assert "11 tokens (1 unknown), log-likelihood -" in str(scorer)


def test_objects():
    scorer = TextScorer(model_of(), as_objects=True)
    found = [json.loads(line) for line in rows(scorer, Block(TEXT.encode(), "text", 1)).split("\n")[:-1]]
    assert [row["line"] for row in found] == [1, 2, 3, 4]
    assert [[token["piece"] for token in row["tokens"]] for row in found] == [
        ["the", "cat", "sat", "</s>"], [], ["the", "dog", "ran", "</s>"], ["the", "<unk>", "</s>"],
    ]  # fmt: skip
    for row in found:
        assert row["log_likelihood"] == pytest.approx(sum(token["log_prob"] for token in row["tokens"]))
    assert found[1]["perplexity"] is None
    assert json.loads(json.dumps(scorer.values()))["unknown"] == 1
    assert TextScorer(model_of()).values()["perplexity"] is None


class Counting(LanguageModel):
    """Every token of a stream is less probable than the one before it."""

    def __init__(self):
        self.codec = model_of().codec

    def log_probs(self, texts):
        return [self.follow([text])[0][0] for text in texts]

    def follow(self, texts, state=None):
        found, state = [], state or 0
        for text in texts:
            found.append(-np.arange(state, state + len(text) + 1, dtype=float))
            state += len(text) + 1
        return found, state

    def start(self, batch):
        raise NotImplementedError

    def step(self, last, state):
        raise NotImplementedError

    def config(self):
        return {}

    def tensors(self):
        return {}


def test_a_stream_goes_on_through_blocks_but_not_through_files(monkeypatch):
    monkeypatch.setattr(language, "SEVERAL", 1)
    scorer = TextScorer(Counting(), stream=True)
    found = rows(scorer, Block(b"the cat\n\n", "one", 1), Block(b"", "one", 3), Block(b"sat\n", "one", 3), Block(b"a b\n", "two", 1))
    assert [line.split("\t")[:2] for line in found.split("\n")[:-1]] == [
        ["-3.000000", "3"], ["-3.000000", "1"], ["-9.000000", "2"], ["-3.000000", "3"],
    ]  # fmt: skip
    assert (scorer.sum.texts, scorer.sum.tokens, scorer.sum.bytes) == (4, 9, 17)
    alone = TextScorer(Counting())
    assert rows(alone, Block(b"the cat\n\nsat\n", "one", 1)).split("\n")[2].startswith("-1.000000\t2")


def test_paragraphs():
    model = model_of("paragraph", "char")
    scorer = TextScorer(model)
    assert scorer.separator == b"\n\n"
    found = rows(scorer, Block(b"AB|\nA|\n\n\nB|\n", "tunes", 1)).split("\n")
    wanted = model.log_probs(model.codec.encode(["AB|\nA|", "B|"]))
    assert [line.split("\t")[1] for line in found[:-1]] == ["7", "3"]
    assert float(found[0].split("\t")[0]) == pytest.approx(wanted[0].sum(), abs=1e-6)


def test_measure(tmp_path):
    path = tmp_path / "text"
    path.write_text(TEXT)
    model = model_of()
    found = measure(model, [str(path)])
    assert (found.texts, found.tokens) == (4, 12)  # the end of the blank line, too
    stream = np.append(model.end, model.codec.stream([str(path)]))
    assert found.log_likelihood == pytest.approx(model.score(stream).sum())
    assert measure(model, [str(path)], stream=False).texts == 3
    path.write_text("")
    with pytest.raises(Failure, match="no text in"):
        measure(model, [str(path)])


def test_a_model_that_gives_no_number():
    class Broken(Counting):
        def log_probs(self, texts):
            return [np.full(len(text) + 1, np.nan) for text in texts]

    with pytest.raises(Failure, match=r"text, record 1: the model gives no number .*NaN"):
        rows(TextScorer(Broken()), Block(b"the\n", "text", 1))


def test_a_folder_that_does_not_fit_together(tmp_path):
    model, path = model_of(), tmp_path / "m"
    folder.write(path, {"model": "ngram", "task": registry.LANGUAGE, "parameters": model.config()}, model.tensors(), model.files())
    found = folder.read(path)
    assert registry.load_language(found).size == model.size
    for spoiled, said in (
        ({"order": "x"}, "does not fit together"),
        ({"codec": {}}, "tokenizer.json is broken"),
        ({"order": 9}, "lacks"),
    ):
        config = {**found.config, "parameters": {**found.parameters, **spoiled}}
        with pytest.raises(Failure, match=said):
            registry.load_language(folder.Folder(path, config, found.tensors))
