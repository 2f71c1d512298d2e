"""Marian's folders, with random weights, as transformers writes them: beside it the same ids, logits, searches and texts."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcli.data import folder
from seqcli.decode.beam import BeamSearch
from seqcli.decode.settings import Settings
from seqcli.errors import Failure
from seqcli.models import marian, registry
from tests.conftest import SAMPLES

PLACES = 14  # tokens of a target with what stands before it: some are forced to end there
LINES = [
    "The station is behind the old town hall.", "She bought three loaves of bread.", "bread", "",
    "he said, before ten and a small bottle", "We won't return.", "the old the old",
]  # fmt: skip
ODD = [
    *LINES, "  two  blanks ", "ß", "a ßß日本 Zürich", ">>fr<< The town", ">>xx<<The", ">> <<", "The >>fr<< town",
    "ﬁne ½ Ａ\u00a0b\tc", "\u2581",
    "“So” «he» ‘said’ … 5 %", "x </s", "<", "1234.5,6",
]  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "shared": {"activation_function": "swish", "scale_embedding": True},
    "separate": {"activation_function": "gelu", "share_encoder_decoder_embeddings": False, "encoder_layers": 1},
    "untied": {"activation_function": "relu", "tie_word_embeddings": False, "decoder_layers": 1},
    "room": {"activation_function": "silu", "renormalize_logits": True},
}
ENDS = {
    "shared": (2, 4.0),
    "separate": (8, 3.5),
    "untied": (3, 4.0),
    "room": (3, 4.5),
}  # seed, and how likely ends are: some come early
SMALL: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 48, "eos_token_id": 0, "forced_eos_token_id": 0,
    "init_std": 0.7,
}  # fmt: skip


def numbered(pieces: list[str]) -> dict[str, int]:
    """A vocabulary in the order of OPUS-MT's."""
    return {piece: number for number, piece in enumerate(["</s>", "<unk>", *sorted(set(pieces)), ">>fr<<", "<pad>"])}


@pytest.fixture(scope="session")
def cut(tmp_path_factory):
    """A SentencePiece model a side, and the pieces of each."""
    import sentencepiece

    path, pieces = tmp_path_factory.mktemp("spm"), {}
    for side, name in (("source", "good.en"), ("target", "ref2.en")):
        sentencepiece.SentencePieceTrainer.train(
            input=f"{SAMPLES / 'translation' / name},{SAMPLES / 'notes.txt'}", model_prefix=str(path / side), vocab_size=90,
            hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        (path / f"{side}.model").rename(path / f"{side}.spm")
        found = sentencepiece.SentencePieceProcessor(model_file=str(path / f"{side}.spm"))
        pieces[side] = [found.id_to_piece(i) for i in range(3, found.vocab_size())]
    assert pieces["source"] != pieces["target"]
    return path, pieces


def checkpoint(path: Path, cut, kind: str):
    """A folder with a tokenizer and a model, and the two as transformers knows them."""
    from transformers import MarianConfig, MarianMTModel, MarianTokenizer

    where, pieces = cut
    chosen = {**SMALL, **KINDS[kind]}
    renormalized = chosen.pop("renormalize_logits", False)
    own = kind == "separate"
    vocabularies = {"vocab.json": numbered(pieces["source"] + ([] if own else pieces["target"]))}
    if own:
        vocabularies["target_vocab.json"] = numbered(pieces["target"])
    path.mkdir()
    for name, vocabulary in vocabularies.items():
        (path / name).write_text(json.dumps(vocabulary))
    files = {"source_spm": where / "source.spm", "target_spm": where / "target.spm", "vocab": path / "vocab.json"}
    more: dict[str, Any] = {"target_vocab_file": str(path / "target_vocab.json"), "separate_vocabs": True} if own else {}
    more |= {name: str(file) for name, file in files.items()}
    tokenizer = MarianTokenizer(**more)
    tokenizer.save_pretrained(path)
    V = len(vocabularies["target_vocab.json" if own else "vocab.json"])
    pad = V - 1
    seed, ends = ENDS[kind]
    torch.manual_seed(seed)
    config = MarianConfig(
        vocab_size=len(vocabularies["vocab.json"]) + 3 * (kind == "room"), decoder_vocab_size=V if own else None, pad_token_id=pad,
        decoder_start_token_id=pad, **chosen,
    )  # fmt: skip
    model = MarianMTModel(config).eval()
    with torch.no_grad():
        model.final_logits_bias.normal_(0, 0.5)
        model.final_logits_bias[0, 0] = ends
        model.final_logits_bias[0, pad] = 2.0  # so that not to write it matters
        for name, weight in model.named_parameters():
            if name.endswith("bias") or "norm" in name:
                weight.add_(torch.randn_like(weight), alpha=0.1)
    search = model.generation_config
    search.num_beams, search.max_length, search.bad_words_ids, search.renormalize_logits = 5, PLACES, [[pad]], renormalized
    model.save_pretrained(path)
    return model, tokenizer


class Checkpoint:
    def __init__(self, path, cut, kind):
        self.path, self.kind = path, kind
        self.model, self.tokenizer = checkpoint(path, cut, kind)
        self.ours = registry.load(folder.read(path), registry.TRANSLATION)

    def generated(self, lines, **options):
        """Their tokens without the first and the end, and scores."""
        with torch.inference_mode():
            asked = self.tokenizer(lines, return_tensors="pt", padding=True)
            done = self.model.generate(**asked, return_dict_in_generate=True, output_scores=True, **options)
        rows = [row[1:] for row in done.sequences.tolist()]
        return [row[: row.index(0)] if 0 in row else row for row in rows], getattr(done, "sequences_scores", None)


@pytest.fixture(scope="module", params=KINDS)
def both(request, cut, tmp_path_factory):
    return Checkpoint(tmp_path_factory.mktemp("marian") / request.param, cut, request.param)


@pytest.fixture(scope="module")
def shared(cut, tmp_path_factory):
    return Checkpoint(tmp_path_factory.mktemp("marian") / "shared", cut, "shared")


def test_ids_are_theirs(both):
    ours, theirs = both.ours, both.tokenizer
    assert ours.prepare(ODD) == theirs(ODD)["input_ids"]
    assert [[*ids, 0] for ids in ours.targets(ODD)] == theirs(text_target=ODD)["input_ids"]
    assert [both.ours.prepare([line])[0] for line in ODD] == both.ours.prepare(ODD)
    lines = [*(SAMPLES / "notes.txt").read_text().split("\n"), *(SAMPLES / "translation/poor.en").read_text().split("\n")]
    assert ours.prepare(lines) == theirs(lines)["input_ids"]


def test_texts_are_theirs(both):
    generator = torch.Generator().manual_seed(1)
    for ids in torch.randint(0, both.ours.size, (40, 12), generator=generator).tolist():
        written = [number for number in ids if both.ours.spell([number]) != [""]]
        before_end = written[: written.index(0)] if 0 in written else written
        assert both.ours.text(written) == both.tokenizer.decode(before_end, skip_special_tokens=True)
    assert both.ours.text(both.ours.targets(["We won't be back."])[0]) == "We won't be back."


def test_logits_are_theirs(both):
    ours = both.ours
    sources, targets = ours.prepare(LINES), ours.targets(LINES)
    start = both.model.config.decoder_start_token_id
    before, _ = ours.padded([[start, *ids] for ids in targets], 0)
    with torch.inference_mode():
        asked = both.tokenizer(LINES, return_tensors="pt", padding=True)
        theirs = both.model(**asked, decoder_input_ids=before).logits
        mine = ours.network.head(ours.network.states(*ours.padded(sources, 0), before))
    for ids, one, other in zip(targets, mine, theirs, strict=True):
        assert torch.allclose(one[: len(ids) + 1], other[: len(ids) + 1], atol=1e-4)
    assert float(theirs.std()) > 0.5


@pytest.mark.parametrize("alpha", [1.0, 0.4])
@pytest.mark.parametrize(("stop", "early"), [("current", False), ("full", True), ("exact", "never")])
@pytest.mark.parametrize("beam", [2, 5])
def test_beam_search_is_theirs(both, beam, stop, early, alpha):
    texts, scores = both.generated(LINES, num_beams=beam, early_stopping=early, length_penalty=alpha)
    settings = Settings(**{**both.ours.defaults, "beam": beam, "stop": stop, "alpha": alpha})
    found = [each for (each,) in BeamSearch(both.ours, settings).run(both.ours.prepare(LINES))]
    assert [each.tokens for each in found] == texts
    assert [each.score for each in found] == pytest.approx(scores.tolist(), abs=1e-4)


def test_search_by_default_is_theirs(both):
    """As each folder's generation_config.json says; greedy and with a beam; ends that were found and ends that were forced."""
    sources = both.ours.prepare(LINES)
    texts, _ = both.generated(LINES)
    found = [each for (each,) in BeamSearch(both.ours, Settings(**both.ours.defaults)).run(sources)]
    assert [each.tokens for each in found] == texts
    one, _ = both.generated(LINES, num_beams=1)
    greedy = [each for (each,) in BeamSearch(both.ours, Settings(**{**both.ours.defaults, "beam": 1})).run(sources)]
    assert [each.tokens for each in greedy] == one
    lengths = {len(each.tokens) for each in (*greedy, *found)}
    assert PLACES - 2 in lengths
    assert len(lengths) > 2
    assert all(each.ended for each in (*greedy, *found))


def test_what_was_searched_is_what_is_scored(both):
    sources = both.ours.prepare(LINES)
    found = [each for (each,) in BeamSearch(both.ours, Settings(**both.ours.defaults)).run(sources)]
    logs = both.ours.log_probs(sources, [each.tokens for each in found])
    assert [float(each.sum()) for each in logs] == pytest.approx([each.log_prob for each in found], abs=1e-4)


def test_how_it_wants_to_be_searched(both):
    assert both.ours.defaults == {"alpha": 1.0, "stop": "current", "beam": 5, "max_length": PLACES - 1}
    assert both.ours.longest == 47
    last, state = both.ours.start(both.ours.prepare(LINES))
    logs, _ = both.ours.step(last, state)
    pad = both.model.config.pad_token_id
    assert last.tolist() == [pad] * len(LINES)
    assert bool((logs[:, pad] == -torch.inf).all())
    total = logs.exp().sum(1)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5) == (both.kind == "room")


def test_imported_it_is_the_same(both, tmp_path):
    marian.import_folder(both.path, tmp_path / "own")
    found = folder.read(tmp_path / "own")
    again = registry.load(found, registry.TRANSLATION)
    sources, targets = both.ours.prepare(ODD), both.ours.targets(ODD)
    assert (again.prepare(ODD), again.targets(ODD)) == (sources, targets)
    for one, other in zip(again.log_probs(sources, targets), both.ours.log_probs(sources, targets), strict=True):
        assert np.allclose(one, other, atol=1e-4)
    assert again.defaults == both.ours.defaults
    assert found.text(folder.CARD).startswith("# own\n\nA translator: Marian")
    with pytest.raises(Failure, match="of ours already"):
        marian.import_folder(tmp_path / "own", tmp_path / "more")
    with pytest.raises(Failure, match="exists"):
        marian.import_folder(both.path, tmp_path / "own")
    assert [entry.name for entry in tmp_path.iterdir()] == ["own"]


def test_as_older_folders_are(shared, tmp_path):
    """Weights as torch pickles them, each name once more; what there is to say about generating in config.json."""
    old = Path(shutil.copytree(shared.path, tmp_path / "old"))
    (old / "model.safetensors").unlink()
    tensors = {**shared.model.state_dict(), "lm_head.weight": shared.model.lm_head.weight}
    torch.save(tensors, old / "pytorch_model.bin")
    search = json.loads((old / "generation_config.json").read_text())
    config = json.loads((old / "config.json").read_text()) | search | {"length_penalty": None, "early_stopping": True}
    (old / "generation_config.json").unlink()
    (old / "config.json").write_text(json.dumps(config))
    found = registry.load(folder.read(old), registry.TRANSLATION)
    assert found.defaults == shared.ours.defaults | {"stop": "full"}
    sources, targets = found.prepare(LINES), found.targets(LINES)
    for one, other in zip(found.log_probs(sources, targets), shared.ours.log_probs(sources, targets), strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_from_the_command_line(both, invoke):
    done = invoke("translate", "-m", both.path, "--beam", 5, "--stop", "current", stdin="\n".join([*LINES, ""]).encode())
    assert done.code == 0, done.err
    texts, _ = both.generated(LINES)
    expected = [both.tokenizer.decode(ids, skip_special_tokens=True) if line else "" for line, ids in zip(LINES, texts, strict=True)]
    assert done.lines == expected
    done = invoke("translate", "-m", both.path, "--greedy", "--json", stdin="\n".join([*LINES, ""]).encode())
    scored = invoke("score", "-m", both.path, "--json", stdin=done.out)
    assert scored.code == 0, scored.err
    for row in map(json.loads, scored.lines):
        if row["source"]:
            assert row["log_likelihood"] == pytest.approx(row["log_prob"], abs=1e-4)


def test_the_folder_by_itself(both, invoke, tmp_path):
    """Told what it is, imported, and searched as it wants to be; a beam that is asked for is the one."""
    shown = invoke("models", "show", both.path)
    assert (shown.code, shown.lines[2][:38]) == (0, "A translator: Marian, a Transformer of")
    invoke("models", "import", both.path, "-o", tmp_path / "own", "--int8").fails(2, "--int8 is not for folders")
    assert invoke("models", "import", both.path, "-o", tmp_path / "own").code == 0
    assert invoke("models", "show", tmp_path / "own").text.startswith("# own\n")
    texts, _ = both.generated(LINES)
    expected = [both.tokenizer.decode(ids, skip_special_tokens=True) if line else "" for line, ids in zip(LINES, texts, strict=True)]
    lines = "\n".join([*LINES, ""]).encode()
    for path in (both.path, tmp_path / "own"):
        assert invoke("translate", "-m", path, stdin=lines).lines == expected
        assert len(invoke("translate", "-m", path, "--nbest", 7, stdin=b"The\n").lines) == 7
    one = invoke("translate", "-m", both.path, "--beam", 1, stdin=lines)
    assert one.out == invoke("translate", "-m", both.path, "--greedy", stdin=lines).out
    invoke("models", "import", tmp_path / "own", "-o", tmp_path / "more").fails(1, "of ours already")


def test_verbs_that_are_not_for_it(shared, invoke):
    invoke("tag", "-m", shared.path, stdin=b"a\n").fails(
        1, "a model for translation (marian), not for tagging", "seq translate uses it"
    )
    invoke("train", "marian", "--src", "x", "--tgt", "y", "-o", "z").fails(2, "no model is called 'marian'")


def spoiled(path, name, change):
    (path / name).write_text(json.dumps(change(json.loads((path / name).read_text()))))


class Evil:
    def __reduce__(self):
        return print, ("this must not be printed",)


def pickled(path, content):
    (path / "model.safetensors").unlink()
    with (path / "pytorch_model.bin").open("wb") as file:
        pickle.dump(content, file, protocol=2)


def without_bias(path):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(path / "model.safetensors")
    del tensors["model.encoder.layers.1.fc1.bias"]
    save_file(tensors, path / "model.safetensors")


def said(**changes):
    """What spoils config.json."""
    return lambda path: spoiled(path, "config.json", lambda config: config | changes)


def searched(**changes):
    """What spoils generation_config.json."""
    return lambda path: spoiled(path, "generation_config.json", lambda config: config | changes)


def cut_short(name, end):
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:end])


def replaced(name, text):
    return lambda path: (path / name).write_text(text)


def gone(name):
    return lambda path: (path / name).unlink()


BROKEN = {
    "no-weights": (gone("model.safetensors"), "model.safetensors is missing"),
    "no-source-spm": (gone("source.spm"), "cannot read source.spm"),
    "no-target-spm": (gone("target.spm"), "cannot read target.spm"),
    "no-vocabulary": (gone("vocab.json"), "cannot read vocab.json"),
    "cut-spm": (cut_short("source.spm", -7), "source.spm"),
    "vocabulary": (replaced("vocab.json", "{"), "vocab.json is not JSON"),
    "vocabulary-list": (replaced("vocab.json", "[1]"), "not an object with a number"),
    "no-unknown": (replaced("vocab.json", '{"</s>": 0}'), "vocab.json lacks <unk>"),
    "large-id": (replaced("vocab.json", '{"</s>": 0, "<unk>": 1, "x": 999}'), "'x' has the id 999, the model knows 0 to"),
    "other": (said(model_type="m2m_100"), "of a m2m_100 model (of these are read: marian, bert)"),
    "size": (said(d_model=32), "has shape"),
    "word": (said(d_model="x"), "d_model is 'x', expected a whole number"),
    "heads": (said(encoder_attention_heads=4), "only equal ones run here"),
    "odd": (said(encoder_attention_heads=3, decoder_attention_heads=3), "no multiple of heads=3"),
    "none": (said(encoder_ffn_dim=0, decoder_ffn_dim=0), "expected a number from 1"),
    "activation": (said(activation_function="mish"), "known: swish"),
    "end": (said(eos_token_id=4000), "ids go from 0 to"),
    "generation": (replaced("generation_config.json", "{"), "generation_config.json is not JSON"),
    "generation-list": (replaced("generation_config.json", "[]"), "is not a JSON object"),
    "stop": (searched(early_stopping="so"), "early_stopping is 'so'"),
    "words": (searched(bad_words_ids=[[1, 2]]), "several tokens"),
    "cut-weights": (cut_short("model.safetensors", -100), "truncated or not safetensors"),
    "lacks": (without_bias, "lacks the tensor 'model.encoder.layers.1.fc1.bias'"),
    "pickle": (lambda path: pickled(path, {"x": Evil()}), "pytorch_model.bin is truncated or holds more than weights"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_folders(shared, invoke, tmp_path, how):
    path = Path(shutil.copytree(shared.path, tmp_path / "broken"))
    spoil, message = BROKEN[how]
    spoil(path)
    done = invoke("translate", "-m", path, stdin=b"a\n").fails(1, "broken", message)
    assert "must not" not in done.text
    assert len(done.err) < 600
    assert done.out == b""
