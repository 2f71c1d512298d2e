"""Sampling: no dropout is encoding, samples spell the text, and come as often as the lattice says."""

import io
import math
from collections import Counter, defaultdict
from functools import cache
from random import Random, seed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import UsageFailure
from seqcli.text.subword.library import Library
from seqcli.text.subword.sample import Sampler, Ways, dropout, sample_best
from seqcli.text.subword.sentencepiece import SentencePiece
from seqcli.text.subword.sentencepiece_model import parse
from seqcli.text.subword.subword_nmt import SubwordNmt
from seqcli.text.subword.tokenizer import Subword
from seqcli.text.subword.trace import arcs, best_ways, segmentations
from tests.text.subword.test_sentencepiece import BYTES, small
from tests.text.subword.toys import LINES

TABLE = {("a", "b"): 0.0, ("ab", "b"): 1.0, ("b", "b"): 2.0, ("a", "bb"): 3.0}
SCORES = {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -3.5, "aba": -4.0, "▁": -2.0, "▁a": -3.2, "▁ab": -4.1}


@cache
def makes() -> dict[str, Subword]:
    """Tokenizers that can sample."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE(byte_fallback=True))
    bpe.normalizer = normalizers.Prepend(" ")
    bpe.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
    bpe.decoder = decoders.Sequence([decoders.Fuse(), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    bpe.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=330, special_tokens=names, show_progress=False, limit_alphabet=20))
    byte_bpe = Tokenizer(models.BPE())
    byte_bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    byte_bpe.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    unigram.train_from_iterator(
        LINES, trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    )
    return {
        "bpe": Library(bpe), "byte-bpe": Library(byte_bpe), "unigram": Library(unigram),
        "sentencepiece unigram": small(1, SCORES), "with bytes": small(1, SCORES, BYTES, {35: 1}),
        "sentencepiece bpe": small(2, SCORES), "codes": SubwordNmt([("a", "b</w>"), ("b", "a"), ("a", "b")]),
    }  # fmt: skip


MERGING = ["bpe", "byte-bpe", "sentencepiece bpe", "codes"]
SUMMING = ["unigram", "sentencepiece unigram", "with bytes"]
TEXT = st.lists(st.one_of(st.sampled_from(["abab", "ba", "the", "mats", "An"]), st.text("ab xä", max_size=5)), max_size=5).map(" ".join)


@pytest.mark.parametrize("name", MERGING)
def test_no_dropout_is_encoding(name):
    tokenizer = makes()[name]

    @settings(max_examples=50)
    @given(TEXT)
    def check(text):
        assert Sampler(tokenizer, share=0.0).encode([text]) == tokenizer.encode([text])

    check()


@pytest.mark.parametrize("name", SUMMING)
def test_the_best_way_alone_is_encoding(name):
    tokenizer = makes()[name]

    @settings(max_examples=50)
    @given(TEXT)
    def check(text):
        assert Sampler(tokenizer, nbest=1).encode([text]) == tokenizer.encode([text])

    check()


@pytest.mark.parametrize("name", MERGING + SUMMING)
@pytest.mark.parametrize("nbest", [0, 4])
def test_samples_spell_the_text(name, nbest):
    tokenizer = makes()[name]

    @settings(max_examples=40)
    @given(TEXT, st.integers(0, 99))
    def check(text, seed):
        [found] = Sampler(tokenizer, seed, share=0.5, alpha=0.3, nbest=nbest).encode([text])
        plain = tokenizer.encode([text])[0]
        assert tokenizer.unknown in plain or tokenizer.decode(found) == tokenizer.decode(plain)

    check()


def test_the_seed_and_the_line_decide():
    texts = ["abab ba", "ab abba"] * 4
    for name in ("bpe", "sentencepiece unigram"):
        one, other = Sampler(makes()[name], 3, share=0.5), Sampler(makes()[name], 3, share=0.5)
        whole = one.encode(texts)
        assert whole == other.encode(texts[:3]) + other.encode(texts[3:], first=3)
        assert whole != Sampler(makes()[name], 4, share=0.5).encode(texts)
        assert len({tuple(ids) for ids in whole[::2]}) > 1


def rank(left, right):
    return TABLE.get((left, right))


def outcomes(symbols, share):
    """The probability of every result of dropout, by all choices in each step."""
    places = [(value, i) for i in range(len(symbols) - 1) if (value := rank(symbols[i], symbols[i + 1])) is not None]
    found: dict[tuple[str, ...], float] = defaultdict(float)
    left = 1.0
    for _, at in sorted(places):  # this is the first that is not left out
        after = (*symbols[:at], symbols[at] + symbols[at + 1], *symbols[at + 2 :])
        for result, probability in outcomes(after, share).items():
            found[result] += left * (1 - share) * probability
        left *= share
    found[tuple(symbols)] += left
    return found


def alike(counts, probabilities, draws):
    """As many of each as its probability says, within five standard deviations."""
    assert set(counts) <= set(probabilities)
    for result, probability in probabilities.items():
        assert abs(counts[result] - draws * probability) < 5 * math.sqrt(draws * probability * (1 - probability) + 1)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_comes_as_often_as_it_should(share):
    chance = Random(1)
    counts = Counter(tuple(dropout("abbab", rank, share, chance)) for _ in range(4000))
    alike(counts, outcomes(tuple("abbab"), share), 4000)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("nbest", [0, 3])
def test_ways_come_as_often_as_they_should(alpha, nbest):
    chance = Random(2)
    found = arcs("abaab", SCORES, -9.0, 3)
    ways = best_ways(found, 5, nbest or 1000)
    every = Ways(found, 5, alpha)
    weights = {tuple(arc.piece for arc in way): math.exp(alpha * score) for score, way in ways}
    total = sum(weights.values())
    drawn = [sample_best(ways, alpha, chance) if nbest else every.draw(chance) for _ in range(4000)]
    alike(Counter(tuple(arc.piece for arc in way) for way in drawn), {way: each / total for way, each in weights.items()}, 4000)


def test_shares_are_the_posteriors():
    chance = Random(3)
    found = arcs("abab", SCORES, -9.0, 3)
    every = Ways(found, 4, 1.0)
    draws = Counter((arc.begin, arc.end) for _ in range(4000) for arc in every.draw(chance))
    alike(draws, {(arc.begin, arc.end): arc.posterior for arc in segmentations("abab", found, 1).arcs}, 4000)


def test_a_method_with_one_way():
    from tokenizers import Tokenizer, models

    with pytest.raises(UsageFailure, match=r"kind word cannot sample"):
        Sampler(Library(Tokenizer(models.WordLevel({"the": 0, "?": 1}, unk_token="?"))))


def as_often(found, wanted):
    """Two counts of as many draws from the same distribution."""
    for way in set(wanted) | set(found):
        assert abs(wanted[way] - found[way]) < 6 * math.sqrt(wanted[way] + found[way] + 1)


def test_against_sentencepiece():
    spm = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, vocab_size=110, hard_vocab_limit=False, num_threads=1, minloglevel=3
    )
    theirs = spm.SentencePieceProcessor(model_proto=model.getvalue())
    ours = Sampler(SentencePiece(parse(model.getvalue(), "x")), 1, alpha=0.5)
    wanted = Counter(tuple(theirs.encode("the cat", enable_sampling=True, alpha=0.5, nbest_size=-1)) for _ in range(3000))
    as_often(Counter(tuple(ids) for ids in ours.encode(["the cat"] * 3000)), wanted)
    wanted = Counter(tuple(theirs.encode("the cat", enable_sampling=True, alpha=0.5, nbest_size=5)) for _ in range(3000))
    few = Sampler(ours.tokenizer, 2, alpha=0.5, nbest=5)
    as_often(Counter(tuple(ids) for ids in few.encode(["the cat"] * 3000)), wanted)


def test_against_subword_nmt():
    """Where no pair stands twice in the word: they merge all of them at once."""
    apply = pytest.importorskip("subword_nmt.apply_bpe")
    codes = [("a", "t</w>"), ("c", "a"), ("ca", "t</w>"), ("s", "c"), ("sc", "at</w>"), ("c", "at</w>")]
    table = {pair: i for i, pair in enumerate(codes)}
    seed(4)
    wanted = Counter(apply.encode("scat", table, {}, None, "@@", (0, 2), {}, None, 0.3) for _ in range(3000))
    tokenizer = SubwordNmt(codes)
    sampler = Sampler(tokenizer, 5, share=0.3)
    drawn = (sampler.encode(["scat"], first=i)[0] for i in range(3000))
    as_often(Counter(tuple(tokenizer.vocabulary[i].removesuffix("@@") for i in ids) for ids in drawn), wanted)
