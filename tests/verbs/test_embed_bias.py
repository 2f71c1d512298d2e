"""`seq embed --bias`, `--weat` and `--debias` from end to end; and the options that contradict these and `--plot`."""

import json
import subprocess

import numpy as np
import pytest

from seqcli.data import folder
from seqcli.data.vectors import Vectors, open_vectors
from seqcli.data.vectors.saving import save
from seqcli.data.vectors.subwords import Subwords
from seqcli.tasks.bias import lists
from seqcli.tasks.bias.directions import direct_bias, direction
from seqcli.tasks.bias.lookup import Space
from tests.conftest import ENVIRONMENT, SEQ
from tests.data.vectors.toys import same

CAREER, FAMILY = lists.CAREER.words, lists.FAMILY.words
FEMALE, MALE = ("she", "her", "woman", "girl", "mother", "sister", "daughter"), ("he", "his", "man", "boy", "father", "brother", "son")
JOBS = {"nurse": 0.6, "engineer": -0.6, "teacher": 0.2, "banker": -0.3, "bread": 0.0}
D = 12


def made() -> Vectors:
    """The first dimension is gender, career words lie on its male side, words of family on its female one."""
    rng = np.random.default_rng(5)
    common = rng.normal(size=(20, D)) * 0.5
    found = {}
    for i, (she, he) in enumerate(zip(FEMALE, MALE, strict=True)):
        for word, side in ((she, 1.0), (he, -1.0)):
            found[word] = common[i] + rng.normal(size=D) * 0.05
            found[word][0] = side
    for words, side in ((CAREER, -0.5), (FAMILY, 0.5)):
        for word in words:
            found[word] = rng.normal(size=D) * 0.5
            found[word][0] = side + rng.normal() * 0.05
    for word, side in JOBS.items():
        found[word] = rng.normal(size=D) * 0.3
        found[word][0] = side
    return Vectors.of(list(found), np.array(list(found.values()), np.float32), range(1000, 1000 - len(found), -1))


@pytest.fixture(scope="module")
def vectors():
    return made()


@pytest.fixture(scope="module")
def model(tmp_path_factory, vectors):
    path = tmp_path_factory.mktemp("models") / "toy"
    save(vectors, path, "toy.txt")
    return path


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("she\the\nher\this\n\nwoman\tman\ngirl\tboy\n")
    return path


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text(": family\nman woman boy girl\nhe she his her\nfather mother brother sister\nx y z w\n")
    return path


def gender(vectors, sets=lists.DEFINING):
    space = Space.of(list(vectors.words), vectors.matrix)
    return space, direction(space, sets)


def test_words_along_a_direction(invoke, model, vectors):
    found = invoke("embed", "-m", model, "--bias", "banker Nurse engineer teacher nurse", "-q")
    assert [line.split()[0] for line in found.lines] == ["Nurse", "teacher", "banker", "engineer"]
    assert (found.code, found.err) == (0, "")
    told = invoke("embed", "-m", model, "--bias", "nurse").err
    assert told.startswith("seq embed: along 'pca' of 6 pairs (")
    assert "seq embed: 4 pairs left out; not in the vocabulary: gal guy female male herself himself Mary John\n" in told
    space, along = gender(vectors)
    values = {
        row["word"]: row["projection"] for row in map(json.loads, invoke("embed", "-m", model, "--bias", "nurse he", "--json").lines)
    }
    wanted = space.unit(space.find(["nurse", "he"]).rows) @ along.basis[0]
    np.testing.assert_allclose(list(values.values()), wanted, atol=1e-6)
    assert list(values) == ["nurse", "he"]


def test_a_direction_from_other_pairs(invoke, model, pairs, tmp_path):
    turned = tmp_path / "turned.json"
    turned.write_text('[["he", "she"], ["his", "her"]]')
    ends = []
    for file in (pairs, turned):
        for method in ("pca", "svd", "mean"):
            found = invoke("embed", "-m", model, "--bias", "nurse engineer", "--pairs", file, "--method", method, "-q")
            assert found.code == 0, found.err
            ends.append(found.lines[0].split()[0])
    assert ends == ["nurse"] * 3 + ["engineer"] * 3
    sets = tmp_path / "sets.txt"
    sets.write_text("she he man\n")
    invoke("embed", "-m", model, "--bias", "nurse", "--pairs", sets, "--method", "mean").fails(2, "'mean' is made of pairs")


def test_words_from_files_and_standard_input(invoke, model, tmp_path):
    wanted = invoke("embed", "-m", model, "--bias", "nurse banker bread", "-q").out
    lines, objects = tmp_path / "jobs.tsv", tmp_path / "jobs.json"
    lines.write_text("nurse\tx\n\nbanker bread\n")
    objects.write_text('["nurse", ["banker", 0.1], "bread"]')
    for file in (lines, objects):
        assert invoke("embed", "-m", model, "--bias", f"@{file}", "-q").out == wanted
        assert invoke("embed", "-m", model, "--bias", "-", "-q", stdin=file.read_bytes()).out == wanted
    invoke("embed", "-m", model, "--bias", f"@{tmp_path}/none").fails(1, "no such file")
    invoke("embed", "-m", model, "--bias", "-", stdin=b"\n").fails(1, "<stdin>: holds no words")
    invoke("embed", "-m", model, "--bias", " ").fails(2, "--bias names no words")
    out = tmp_path / "out"
    assert invoke("embed", "-m", model, "--bias", "nurse banker bread", "-q", "-o", out).out == b""
    assert out.read_bytes() == wanted


def test_unknown_words_are_named_and_left_out(invoke, model, tmp_path):
    found = invoke("embed", "-m", model, "--bias", "nurse nruse bankr")
    assert [line.split()[0] for line in found.lines] == ["nurse"]
    assert "seq embed: no vector for 'nruse': left out (did you mean 'nurse'?)\n" in found.err
    assert "seq embed: no vector for 'bankr': left out (did you mean 'banker'?)\n" in found.err
    many = invoke("embed", "-m", model, "--bias", "nurse " + " ".join(f"unknown{i}" for i in range(30))).err
    assert many.count("no vector for") == 10
    assert "seq embed: 30 words in all have no vector\n" in many
    invoke("embed", "-m", model, "--bias", "nruse").fails(1, "no vector for 'nruse' (did you mean 'nurse'?)")
    invoke("embed", "-m", model, "--bias", "nruse xyzxyz").fails(1, "no vector for any of 2 words (did you mean 'nurse'?)")
    invoke("embed", "-m", "en-pos", "--bias", "nurse").fails(1, "not word vectors")
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("x y\n")
    invoke("embed", "-m", model, "--bias", "nurse", "--pairs", wrong).fails(1, "none of 1 sets of words can make a direction")


def test_ngrams_stand_in(invoke, vectors, tmp_path):
    model = tmp_path / "sub"
    save(with_ngrams(vectors), model, "x")
    assert [line.split()[0] for line in invoke("embed", "-m", model, "--bias", "nurses nurse", "-q").lines].count("nurses") == 1
    out = tmp_path / "fair"
    for kind in ("hard", "soft"):
        assert invoke("embed", "-m", model, "--debias", kind, "-o", out, "--force").code == 0
        new = open_vectors(out)
        assert new.subwords is not None
        _, along = gender(vectors)
        before, after = (each.look_up(["nurses"])[0] @ along.basis[0] for each in (with_ngrams(vectors), new))
        assert abs(after[0]) < (1e-6 if kind == "hard" else abs(before[0]))


def with_ngrams(vectors):
    ngrams = np.random.default_rng(1).normal(size=(40, D)).astype(np.float32)
    return Vectors(vectors.words, vectors.stored, vectors.counts, subwords=Subwords(ngrams, 3, 4), lowercase=True)


def test_tests_of_association(invoke, model, tmp_path):
    found = invoke("embed", "-m", model, "--weat", "career-family-pairs")
    assert found.lines[0].split() == ["WEAT", "effect", "p", "targets", "attributes"]
    name, effect, p, *sizes = found.lines[1].split()
    assert (name, sizes) == ("career-family-pairs", ["6+6", "8+8"])
    assert float(effect) > 1.5
    assert float(p) < 0.01
    assert found.lines[2:] == ["", "career-family-pairs: not in the vocabulary: male him female hers"]
    value = json.loads(invoke("embed", "-m", model, "--weat", "career-family-pairs", "--json").lines[0])
    assert value["effect"] == pytest.approx(float(effect), abs=1e-3)
    assert value["missing"] == ["male", "him", "female", "hers"]
    whole = invoke("embed", "-m", model, "--weat", "all", "--json")
    assert [json.loads(line)["name"] for line in whole.lines] == ["career-family-pairs"]
    assert whole.err.count("seq embed: left out: ") == 5
    own = tmp_path / "own.json"
    own.write_text(
        json.dumps({"mine": {"targets": {"f": FEMALE[:-1], "m": MALE}, "attributes": {"family": FAMILY, "career": CAREER}}, "none": {
            "targets": {"f": ["x", "y"], "m": ["z", "w"]}, "attributes": {"a": ["x", "y"], "b": ["z", "w"]}}})
    )  # fmt: skip
    found = invoke("embed", "-m", model, "--weat", own)
    assert found.lines[1].split()[0] == "mine"
    assert found.lines[-1] == "mine: left out for equal sets: 1"
    assert "left out: none, f: only 0 of 2 words in the vocabulary" in found.err
    assert invoke("embed", "-m", model, "--weat", "-", stdin=own.read_bytes()).out == found.out


def test_tests_that_cannot_be_made(invoke, model, tmp_path):
    invoke("embed", "-m", model, "--weat", "carer-family").fails(2, "no test of association is called", "did you mean 'career-family'?")
    invoke("embed", "-m", model, "--weat", "flowers-insects").fails(1, "only 0 of 25 words in the vocabulary")
    invoke("embed", "-m", model, "--weat", tmp_path / "none.json").fails(1, "no such file")
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    invoke("embed", "-m", model, "--weat", bad).fails(1, f"{bad}, line 1: not JSON")


def test_hard_debiasing(invoke, model, vectors, asked, tmp_path):
    out = tmp_path / "fair"
    found = invoke("embed", "-m", model, "--debias", "hard", "-o", out, "--evaluate", asked)
    assert (found.code, found.err) == (0, "")
    assert found.lines[0] == "hard debiasing: 21 words neutralised, 7 sets made equal, 45 left out"
    rows = {line.split("  ")[0]: line.split() for line in found.lines if line}
    assert rows["direct bias"][-1] == "0.0000"
    assert float(rows["direct bias"][-2]) > 0.2
    assert abs(float(rows["career-family-pairs"][3])) < float(rows["career-family-pairs"][1])
    assert rows["questions.txt"][1:] == ["accuracy", *rows["questions.txt"][2:4], "3", "of", "4"]
    new = open_vectors(out)
    assert list(new.words) == list(vectors.words)
    np.testing.assert_array_equal(new.counts, vectors.counts)
    np.testing.assert_allclose(np.linalg.norm(new.matrix, axis=1), 1, atol=1e-6)
    _, along = gender(vectors)
    neutral = new.rows([*CAREER, *FAMILY, *JOBS])
    assert direct_bias(Space.of(list(new.words), new.matrix), neutral, along) < 1e-6
    config = folder.read_config(out)
    assert config["debiased"]["from"] == "toy"
    assert config["debiased"]["kind"] == "hard"
    assert config["task"] == "vectors"
    assert list(config["scores"]) == ["questions.txt accuracy"]
    card = invoke("models", "show", out).text
    assert card.startswith("# fair\n\nThe word vectors of `toy` after hard debiasing: 21 words neutralised")
    assert "before   after" in card
    again = invoke("embed", "-m", out, "--bias", "nurse engineer she", "-q", "--json").lines
    assert [abs(json.loads(line)["projection"]) > 0.1 for line in again] == [True, False, False]


def test_the_same_as_objects(invoke, model, asked, tmp_path, pairs):
    found = invoke("embed", "-m", model, "--debias", "hard", "-o", tmp_path / "a", "--evaluate", asked, "--json", "--pairs", pairs)
    value = json.loads(found.lines[0])
    assert len(found.lines) == 1
    assert (value["kind"], value["sets"], value["specific"], value["equalised"], value["neutral"]) == ("hard", 4, 8, 4, 27)
    assert value["after"]["direct_bias"] == pytest.approx(0, abs=1e-6)
    assert value["before"]["weat"][0]["name"] == "career-family-pairs"
    assert value["evaluations"][0]["before"]["asked"] == 3


def test_soft_debiasing(invoke, model, vectors, tmp_path):
    bias = []
    for strength in (0, 0.2, 1e6):
        out = tmp_path / f"fair{strength}"
        found = invoke("embed", "-m", model, "--debias", "soft", "--strength", strength, "-o", out, "--json")
        value = json.loads(found.lines[0])
        bias.append(value["after"]["direct_bias"])
        assert value["strength"] == strength
    assert value["before"]["direct_bias"] == pytest.approx(bias[0], abs=1e-5)
    assert bias[0] > bias[1] > bias[2]
    assert bias[2] < 0.01
    units = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    np.testing.assert_allclose(open_vectors(tmp_path / "fair0").matrix, units, atol=1e-5)
    found = invoke("embed", "-m", model, "--debias", "soft", "-o", tmp_path / "default")
    assert found.lines[0].startswith("soft debiasing of strength 0.2: ")


def test_words_that_keep_their_bias(invoke, model, vectors, pairs, tmp_path):
    specific, equal, out = tmp_path / "keep.txt", tmp_path / "equal.txt", tmp_path / "fair"
    specific.write_text("nurse\nshe\nhe\n")
    equal.write_text("mother father\n")
    found = invoke(
        "embed", "-m", model, "--debias", "hard", "--pairs", pairs, "--specific", specific, "--equalize", equal, "-o", out, "--json"
    )
    assert json.loads(found.lines[0])["equalised"] == 1
    _, along = gender(vectors, [("she", "he"), ("her", "his"), ("woman", "man"), ("girl", "boy")])
    new = open_vectors(out)
    values = dict(
        zip(
            ("nurse", "banker", "mother", "father", "girl"),
            np.ravel(new.look_up(["nurse", "banker", "mother", "father", "girl"])[0] @ along.basis[0]),
            strict=True,
        )
    )
    units = vectors.look_up(["nurse"])[0]
    assert values["nurse"] == pytest.approx((units / np.linalg.norm(units) @ along.basis[0])[0], abs=1e-5)
    assert values["banker"] == pytest.approx(0, abs=1e-6)
    assert values["girl"] == pytest.approx(0, abs=1e-6)
    assert values["mother"] == pytest.approx(-values["father"], abs=1e-5)
    assert values["mother"] > 0.1


def test_a_folder_whole_or_not_at_all(invoke, model, tmp_path):
    out = tmp_path / "fair"
    every = tmp_path / "every.txt"
    every.write_text("\n".join(open_vectors(model).words))
    invoke("embed", "-m", model, "--debias", "hard", "--specific", every, "-o", out).fails(1, "there is none to debias")
    assert not out.exists()
    assert invoke("embed", "-m", model, "--debias", "hard", "-o", out).code == 0
    kept = (out / folder.WEIGHTS).read_bytes()
    invoke("embed", "-m", model, "--debias", "hard", "-o", out).fails(1, "exists", "--force")
    assert (out / folder.WEIGHTS).read_bytes() == kept
    assert invoke("embed", "-m", model, "--debias", "soft", "-o", out, "--force").code == 0
    assert folder.read_config(out)["debiased"]["kind"] == "soft"
    invoke("embed", "-m", model, "--debias", "hard", "-o", tmp_path / "no" / "fair").fails(1, "is not a folder")
    assert invoke("embed", "-m", out, "--debias", "hard", "-o", out, "--force").code == 0  # in its own place


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bias", "a", "--weat", "all"], "--bias contradicts --weat (one question at a time)"),
        (["--bias", "a", "--near", "b"], "--near contradicts --bias (one question at a time)"),
        (["--bias", "a", "--evaluate", __file__], "contradicts"),
        (["--bias", "a", "--plot", "x.svg"], "--bias contradicts --plot"),
        (["--near", "a", "--plot", "x.svg"], "--near contradicts --plot"),
        (["--analogy", "a b c", "--plot", "x.svg", "--near", "a"], "one question at a time"),
        (["--debias", "hard", "--evaluate", __file__, "--weat", "all", "-o", "x"], "one question at a time"),
        (["--bias", "a", "notes.txt"], "--bias reads no lines"),
        (["--analogy", "a b c", "--plot", "x.svg", "notes.txt"], "--analogy reads no lines"),
        (["--bias", "a", "--method", "cosadd"], "--method cosadd: no such choice"),
        (["--bias", "a", "--top", "3"], "--top contradicts --bias"),
        (["--bias", "a", "--force"], "--force contradicts --bias"),
        (["--weat", "all", "--pairs", __file__], "--pairs contradicts --weat"),
        (["--pairs", __file__], "--pairs is for --bias, --debias"),
        (["--specific", __file__], "--specific is for --debias"),
        (["--force"], "--force is for --debias"),
        (["--strength", "0"], "--strength is for --debias"),
        (["--tsne"], "--tsne is for --plot"),
        (["--debias", "hard"], "--debias writes a model folder (-o names it)"),
        (["--debias", "hrad", "-o", "x"], "--debias hrad: no such choice (did you mean 'hard'?)"),
        (["--debias", "hard", "-o", "x", "--strength", "1"], "--strength is for --debias soft"),
        (["--debias", "soft", "-o", "x", "--equalize", __file__], "--equalize is for --debias hard"),
        (["--debias", "soft", "-o", "x", "--strength", "-1"], "--strength -1: expected a number of 0 or more"),
        (["--debias", "soft", "-o", "x", "--strength", "nan"], "--strength nan: expected a number of 0 or more"),
        (["--debias", "hard", "-o", "x", "--limit", "5"], "--limit of --debias is for --evaluate"),
        (["--plot", "x.pdf"], "cannot draw x.pdf: a picture is .html, .svg or .png"),
        (["--plot", "x.svg", "--json"], "--json contradicts --plot"),
        (["--plot", "x.svg", "-o", "y"], "-o contradicts --plot"),
        (["--plot", "x.svg", "--pool", "sif"], "--pool contradicts --plot"),
        (["--analogy", "a b c", "--plot", "x.svg", "--tsne"], "--tsne contradicts --analogy"),
        (["--analogy", "she he man", "--plot", "x.pdf"], "cannot draw x.pdf"),
    ],
)
def test_wrong_options(invoke, model, options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert invoke("embed", "-m", model, *options, stdin=b"she\n").fails(2, said).out == b""
    assert not list(tmp_path.iterdir())


PROBE = """
import sys
from seqcli.cli import run
assert run(sys.argv[1:]) == 0
heavy = {"torch", "safetensors", "scipy", "sklearn", "multiprocessing", "concurrent", "tokenizers", "rich", "matplotlib"}
print(heavy & {name.split(".")[0] for name in sys.modules}, "seqcli.tasks.bias.lists" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("options", "loaded"),
    [
        (["--words"], False),
        (["--near", "she"], False),
        (["--bias", "nurse", "-q"], True),
        (["--weat", "career-family-pairs", "-q"], True),
    ],
)
def test_nothing_heavy_is_imported(model, options, loaded):
    done = subprocess.run(
        [SEQ[0], "-c", PROBE, "embed", "-m", str(model), *options],
        input=b"she\n", capture_output=True, check=True, env=ENVIRONMENT, timeout=60,
    )  # fmt: skip
    assert done.stderr == f"set() {loaded}\n".encode()


def test_the_same_again(invoke, model, tmp_path, vectors):
    first, second = (invoke("embed", "-m", model, "--debias", "hard", "-o", tmp_path / "a", "--force") for _ in range(2))
    assert first.out == second.out
    assert invoke("embed", "-m", model, "--debias", "hard", "-o", tmp_path / "b").out == first.out
    same(open_vectors(tmp_path / "a"), open_vectors(tmp_path / "b"))
