"""Lines in, translations out: order, blank lines, repeated lines, long lines, whatever the windows and batches."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.data.blocks import Block
from seqcli.decode.ensemble import Ensemble
from seqcli.decode.generate import Plan, plan
from seqcli.decode.settings import Settings
from seqcli.decode.stepper import Table
from seqcli.decode.translators import Translators
from seqcli.errors import UsageFailure
from seqcli.models import transformer
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.translation import Translator
from seqcli.tasks import translation
from seqcli.tasks.translation import Job, limit
from seqcli.text.codec import Codec
from seqcli.text.segment import RuleSegmenter

LETTERS = "abcdefghijklmnopqrstuvwxyz .A"


@dataclass
class Capitals:
    """A translator that is sure: lower case to upper case, character by character."""

    longest: int = 16
    context: int | None = None
    asked: list[list[str]] = field(default_factory=list)  # batch by batch
    size: int = 2 * len(LETTERS) + 1
    end: int = 2 * len(LETTERS)

    def prepare(self, lines):
        return [[*map(LETTERS.index, line), self.end] for line in lines]

    def targets(self, texts):
        return [[len(LETTERS) + LETTERS.upper().index(character) for character in text] for text in texts]

    def text(self, ids):
        return "".join((LETTERS + LETTERS.upper())[i] for i in ids)

    def spell(self, ids):
        return [self.text([i]) if i != self.end else "</s>" for i in ids]

    def start(self, batch):
        self.asked.append([self.text(source[:-1]) for source in batch])
        width = max(map(len, batch))
        rest = torch.tensor([[*source, *[self.end] * (width - len(source))] for source in batch])
        return torch.full((len(batch),), self.end), (rest, torch.zeros(len(batch), dtype=torch.long))

    def step(self, last, state):
        rest, place = state
        character = rest.gather(1, place[:, None].clamp(max=rest.shape[1] - 1))
        wanted = torch.where(character == self.end, character, character + len(LETTERS))
        probs = torch.full((len(last), self.size), 1e-4).scatter(1, wanted, 1.0)
        return (probs / probs.sum(1, keepdim=True)).log(), (rest, place + 1)


def job(generator=None, method="beam", **options) -> Job:
    return Job(generator or Capitals(), Plan(method, Settings(**options), nbest=options.get("nbest", 1)), RuleSegmenter("en"))


def blocks_of(text, size):
    """Lines in blocks of so many, a pause after each."""
    lines = text.splitlines(keepends=True)
    for start in range(0, len(lines), size):
        yield Block("".join(lines[start : start + size]).encode(), "x", start + 1)
        yield Block(b"", "x", start + 1)


@pytest.mark.parametrize("method", ["beam", "greedy", "sample"])
@settings(max_examples=20)
@given(lines=st.lists(st.text("ab ", max_size=5), max_size=30), size=st.integers(1, 8))
def test_a_line_in_a_line_out(method, lines, size):
    made = job(method=method, beam=2, temperature=0.05)
    out = b"".join(made(blocks_of("".join(line + "\n" for line in lines), size))).decode()
    assert out == "".join((line.upper() if line.strip() else "") + "\n" for line in lines)


def test_repeated_lines_once_and_the_longest_first():
    generator = Capitals()
    made = job(generator)
    lines = ["b", "abc", "b", "", "abcdef", "b", "abc"]
    out = b"".join(made(blocks_of("\n".join(lines) + "\n", 4)))
    assert out.decode().split("\n")[:-1] == [line.upper() for line in lines]
    assert generator.asked == [["abc", "b"], ["abcdef"]]


def test_windows_and_batches(monkeypatch):
    monkeypatch.setattr(translation, "WINDOW", 64)
    generator = Capitals()
    lines = [LETTERS[i % 26] * (1 + i % 7) for i in range(200)]
    out = b"".join(job(generator)([Block("\n".join(lines).encode(), "x", 1)])).decode()
    assert out.split("\n")[:-1] == [line.upper() for line in lines]
    assert max(map(len, generator.asked)) == 32
    assert sum(map(len, generator.asked)) == len(set(lines))
    for batch in generator.asked:
        assert list(map(len, batch)) == sorted(map(len, batch), reverse=True)


def test_long_lines_are_cut_into_sentences():
    generator = Capitals()
    line = "A cat sat. A dog ran. A bird."
    made = job(generator)
    assert b"".join(made([Block(f"{line}\n".encode(), "x", 1)])).decode() == line.upper() + "\n"
    assert sorted(generator.asked[0]) == ["A bird.", "A cat sat.", "A dog ran."]
    assert made.cut == []
    long = "a very long sentence without any stop in it"
    (found,) = made.translated([long])
    assert found[0].text == long.upper()
    assert made.cut == [2]
    assert job().halves("a" * 40) == ["a" * 10] * 4


def test_n_best_of_parts():
    made = job(beam=4, nbest=3)
    (found,) = made.translated(["A cat sat. A dog ran. A bird."])
    assert [each.rank for each in found] == [1, 2, 3]
    scores = [each.hypothesis.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert len({each.text for each in found}) == 3
    assert found[0].hypothesis.log_prob > found[1].hypothesis.log_prob
    rows = made.told(1, "x", found).split("\n")
    assert [row.split("\t")[0] for row in rows[:-1]] == ["1", "2", "3"]


def test_objects():
    made = job()
    made.as_objects = True
    rows = [json.loads(line) for line in b"".join(made([Block(b"ab\n\n", "x", 1)])).splitlines()]
    assert rows[1] == {"line": 2, "source": "", "text": ""}
    assert rows[0].items() >= {"line": 1, "source": "ab", "rank": 1, "text": "AB", "tokens": ["A", "B"], "ended": True}.items()
    assert rows[0]["score"] == pytest.approx(rows[0]["log_prob"] / 3)


def test_samples_are_drawn_for_each_line():
    generator = Capitals()
    made = job(generator, method="sample", samples=2)
    assert len(b"".join(made([Block(b"b\nabc\n\nb\n", "x", 1)])).splitlines()) == 7
    assert generator.asked == [["b", "abc", "b"]]


def test_room():
    assert limit(5, 100) == 35
    assert limit(90, 100) == 101
    made = job(max_length=7)
    assert made.writer.room([[0, 1]]) == [7]
    assert job(min_length=60).writer.room([[0]]) == [61]


def test_prefix_and_glossary():
    generator = Capitals()
    chosen = plan({"--prefix": "X", "--constraint": ["QZ"], "--beam": 8}, generator)
    (found,) = Job(generator, chosen, RuleSegmenter("en")).translated(["ab"])
    assert found[0].text.startswith("X")
    assert "QZ" in found[0].text


# Several models as one ------------------------------------------------------------------------------------------------


def test_the_mean_of_probabilities():
    tables = [Table.random(5, seed=seed) for seed in range(3)]
    several = Ensemble(tables)
    last, state = several.start([([], [], [])] * 2)
    for row in (0, 3):
        logs, state = several.step(last, state)
        expected = torch.stack([table.log_probs.exp()[row] for table in tables]).mean(0)
        assert torch.allclose(logs.exp(), expected.expand(2, 5))
        last = torch.tensor([3, 3])


def translator(letters, seed=0, longest=16):
    codec = Codec.of_pieces(["<unk>", *letters], "char")
    torch.manual_seed(seed)
    return Translator(Codecs(codec, codec), transformer.Recipe(size=8, heads=2, layers=1, longest=longest))


def test_a_model_twice_is_that_model():
    one = translator("abc")
    twice = Translators([one, one])
    lines = ["abc", "b", "ccaab"]
    found = [job(model, beam=3, nbest=2, coverage=0.1).translated(lines) for model in (one, twice)]
    for mine, theirs in zip(*(chain.from_iterable(each) for each in found), strict=True):
        assert mine.text == theirs.text
        assert mine.hypothesis.log_prob == pytest.approx(theirs.hypothesis.log_prob, abs=1e-4)
    assert Translators([one, translator("abc", 1, longest=9)]).longest == 9


def test_models_of_other_tokens():
    with pytest.raises(UsageFailure, match="model 2 does not write the same tokens"):
        Translators([translator("abc"), translator("abd")])
