"""`seq embed`, `seq models import` and `seq models export` from end to end."""

import gzip
import io
import json
import subprocess
import sys

import numpy as np
import pytest

from seqcli.data import folder
from seqcli.data.vectors import Vectors, open_vectors, quantised
from seqcli.data.vectors.reading import read_vectors
from seqcli.data.vectors.saving import save
from tests.conftest import ENVIRONMENT, SEQ, seq
from tests.data.vectors.toys import same, with_subwords

MEANING = {  # royal, female, male, food, animal
    "the": (0.1, 0.1, 0.1, 0.1, 0.1),
    "king": (1, 0, 1, 0, 0),
    "queen": (1, 1, 0, 0, 0),
    "man": (0, 0, 1, 0, 0.1),
    "woman": (0, 1, 0, 0, 0.1),
    "bread": (0, 0, 0, 1, 0),
    "soup": (0, 0.1, 0, 0.9, 0),
    "cat": (0, 0.1, 0, 0, 1),
    "dog": (0, 0, 0.1, 0, 1),
    "sat": (0, 0, 0.1, 0.1, 0.3),
    ".": (0.05, 0, 0, 0.05, 0),
}
TEXT = b"The cat sat.\n\nSoup and bread.\nxyz\n"


@pytest.fixture(scope="module")
def vectors():
    matrix = np.array(list(MEANING.values()), np.float32)
    return Vectors.of(list(MEANING), matrix, np.arange(len(matrix), 0, -1) * 10)


@pytest.fixture(scope="module")
def model(tmp_path_factory, vectors):
    path = tmp_path_factory.mktemp("models") / "toy"
    save(vectors, path, "toy.txt")
    return path


def rows(*words):
    return np.array([MEANING.get(word, (0,) * 5) for word in words], np.float32)


def test_a_vector_for_each_line(invoke, model):
    found = invoke("embed", "-m", model, stdin=TEXT)
    objects = [json.loads(line) for line in found.lines]
    assert [each["text"] for each in objects] == TEXT.decode().split("\n")[:-1]
    wanted = [rows("the", "cat", "sat", ".").mean(axis=0), np.zeros(5), rows("soup", "bread", ".").mean(axis=0), np.zeros(5)]
    np.testing.assert_allclose([each["vector"] for each in objects], wanted, atol=1e-6)
    assert (found.code, found.err) == (0, "seq embed: 1 line has no known word: zeros\n")
    assert invoke("embed", "-m", model, "-q", stdin=TEXT).err == ""
    for pool, wanted in (("max", rows("the", "cat", "sat", ".").max(axis=0)), ("first", rows("the")[0])):
        value = json.loads(invoke("embed", "-m", model, "--pool", pool, "-q", stdin=TEXT).lines[0])
        np.testing.assert_allclose(value["vector"], wanted, atol=1e-6)


def test_a_vector_for_each_word(invoke, model):
    found = invoke("embed", "-m", model, "--words", stdin=b"King quene\n\n\t dog\n")
    assert [json.loads(line) for line in found.lines] == [
        {"word": "King", "vector": [1.0, 0.0, 1.0, 0.0, 0.0]},
        {"word": "quene", "unknown": True, "vector": [0.0] * 5},
        {"word": "dog", "vector": [0.0, 0.0, 0.1, 0.0, 1.0]},
    ]
    assert found.err == "seq embed: no vector for 'quene': zeros (did you mean 'queen'?)\n"
    many = invoke("embed", "-m", model, "--words", stdin=b" ".join(b"unknown%d" % i for i in range(30)))
    assert len(many.err.splitlines()) == 11
    assert many.err.endswith("30 words in all have no vector\n")


def test_every_format(invoke, model, tmp_path, vectors):
    words = ["king", "dog", "bread"]
    for kind in ("tsv", "word2vec", "word2vec-bin", "glove", "jsonl"):
        path = tmp_path / kind
        found = invoke("embed", "-m", model, "--words", "-f", kind, stdin=" ".join(words).encode())
        path.write_bytes(found.out)
        same(read_vectors(path, kind), Vectors.of(words, rows(*words)))
        assert invoke("embed", "-m", model, "--words", "-f", kind, "-o", path, stdin=b"king\ndog bread").out == b""
        assert path.read_bytes() == found.out
    found = np.load(io.BytesIO(invoke("embed", "-m", model, "--words", "-f", "npy", stdin=b"king dog bread").out))
    assert (found.tolist(), found.dtype) == (rows(*words).tolist(), np.float32)
    assert invoke("embed", "-m", model, "-f", "word2vec", "-q", stdin=TEXT).lines[2] == "_ 0.0 0.0 0.0 0.0 0.0"
    assert invoke("embed", "-m", model, "-f", "tsv", "-q", stdin=b"a\tdog\n").lines == ["a dog\t0.0\t0.0\t0.1\t0.0\t1.0"]
    assert invoke("embed", "-m", model, "-o", tmp_path / "x.npy", stdin=b"dog\n\n").code == 0
    assert np.load(tmp_path / "x.npy").shape == (2, 5)
    assert invoke("embed", "-m", model, "-f", "npy", stdin=b"").out[:6] == b"\x93NUMPY"


def test_length_one(invoke, model):
    found = invoke("embed", "-m", model, "--words", "--normalize", "-f", "npy", stdin=b"king zzz bread")
    np.testing.assert_allclose(np.linalg.norm(np.load(io.BytesIO(found.out)), axis=1), [1, 0, 1], atol=1e-6)
    found = invoke("embed", "-m", model, "--normalize", "-f", "npy", stdin=b"king and queen\n\nzzz")
    np.testing.assert_allclose(np.linalg.norm(np.load(io.BytesIO(found.out)), axis=1), [1, 0, 0], atol=1e-6)


def test_objects_pass_through(invoke, model, tmp_path):
    file = tmp_path / "in.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"id": 7, "text": "the\\ncat", "vector": 1}\n\n{"tokens": ["dog", "don\'t"]}\n'))
    found = [json.loads(line) for line in invoke("embed", file, "-m", model).lines]
    assert [each.get("id") for each in found] == [7, None, None]
    assert list(found[0]) == ["id", "text", "vector"]
    np.testing.assert_allclose(
        [each["vector"] for each in found], [rows("the", "cat").mean(axis=0), np.zeros(5), rows("dog")[0]], atol=1e-6
    )


def test_files_line_ends_and_blanks(invoke, model, tmp_path):
    file = tmp_path / "notes.txt.gz"
    file.write_bytes(gzip.compress(TEXT))
    wanted = invoke("embed", "-m", model, "-q", stdin=TEXT).out
    assert invoke("embed", file, "-m", model, "-q").out == wanted
    assert invoke("embed", "-m", model, "-q", stdin=TEXT.replace(b"\n", b"\r\n")).out == wanted
    assert invoke("embed", "-", file, "-m", model, "-q", stdin=TEXT).out == wanted * 2
    assert invoke("embed", "-m", model, "-q", stdin=TEXT[:-1]).out == wanted
    cut, uncut = (invoke("embed", "-m", model, "-f", "npy", *more, stdin=b"The cat.\n").out[128:] for more in ([], ["--pretokenized"]))
    np.testing.assert_allclose(np.frombuffer(cut, "<f4"), rows("the", "cat", ".").mean(axis=0), atol=1e-6)
    assert np.frombuffer(uncut, "<f4").tolist() == rows("the")[0].tolist()


def test_sif(invoke, model, tmp_path, vectors):
    fit = tmp_path / "fit.txt"
    fit.write_text("the cat sat\nthe king\nthe woman\n")
    plain = invoke("embed", "-m", model, "--pool", "sif", "-f", "npy", "-q", stdin=TEXT)
    assert plain.code == 0
    one = invoke("embed", "-m", model, "--pool", "sif", "-f", "npy", "-q", stdin=TEXT.split(b"\n")[0])
    assert plain.out[128:148] == one.out[128:148]
    fitted = invoke("embed", "-m", model, "--pool", "sif", "--fit", fit, "-f", "npy", "-q", stdin=TEXT)
    assert (fitted.code, len(fitted.out)) == (0, len(plain.out))
    assert fitted.out != plain.out


def test_questions(invoke, model):
    assert invoke("embed", "-m", model, "--near", "Cat", "--top", 2).lines == ["dog  0.9901", "sat  0.9000"]
    assert [json.loads(line) for line in invoke("embed", "-m", model, "--near", "cat", "--top", 1, "--json").lines] == [
        {"word": "dog", "score": 0.990099}
    ]
    assert invoke("embed", "-m", model, "--similarity", "king", "queen").lines == ["0.5000"]
    assert json.loads(invoke("embed", "-m", model, "--similarity", "king", "queen", "--json").text) == {
        "words": ["king", "queen"],
        "score": 0.5,
    }
    for method in ("cosadd", "cosmul"):
        found = invoke("embed", "-m", model, "--analogy", "man king woman", "--top", 3, "--method", method)
        assert found.lines[0].split()[0] == "queen"
        assert len(found.lines) == 3
    assert invoke("embed", "-m", model, "--odd-one-out", "cat bread dog").lines[0].split()[0] == "bread"
    assert invoke("embed", "-m", model, "--near", "cat", "--limit", 8).lines[0].split()[0] != "dog"


def test_a_search(invoke, model, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("The king sat.\n\nBread\tand soup.\nxyz\n")
    two.write_text("A dog\n")
    found = invoke("embed", one, "-m", model, "--search", "cat", "--top", 2, "--pool", "mean")
    assert [line.split("  ", 2)[1:] for line in found.lines] == [["1", "The king sat."], ["3", "Bread and soup."]]
    found = invoke("embed", one, two, "-m", model, "--search", "cats or a cat", "--top", 9)
    assert found.lines[0].split("  ", 2)[1:] == [f"{two}:1", "A dog"]
    assert len(found.lines) == 3
    value = json.loads(invoke("embed", "-m", model, "--search", "food? soup", "--json", stdin=b"cat\nsoup\n").lines[0])
    assert {key: value[key] for key in ("text", "file", "line")} == {"text": "soup", "file": "<stdin>", "line": 2}
    objects = b'{"id": 3, "tokens": ["the", "dog"]}\n'
    value = json.loads(invoke("embed", "-m", model, "--search", "dog", "--json", "--input", "jsonl", stdin=objects).lines[0])
    assert (value["id"], value["line"]) == (3, 1)
    assert invoke("embed", "-m", model, "--search", "cat", stdin=b"\nxyz\n").out == b""
    invoke("embed", "-m", model, "--search", "xyz", stdin=b"cat\n").fails(1, "nothing is known of the query 'xyz'")


def test_published_questions(invoke, model, tmp_path):
    analogies, pairs = tmp_path / "questions.txt", tmp_path / "pairs.tsv"
    analogies.write_text(": family\nman king woman queen\nking man queen woman\nx y z w\n: gram1\ncat dog bread soup\n")
    pairs.write_text("word1\tword2\tscore\ncat\tdog\t9\nKing\tbread\t1\nking\tqueen\t5\nx\ty\t1\n")
    found = invoke("embed", "-m", model, "--evaluate", analogies, "--evaluate", pairs)
    assert [line.split() for line in found.lines] == [
        ["questions.txt", "accuracy", "right", "asked", "known"],
        ["family", "100.00%", "2", "2", "66.7%"],
        ["gram1", "100.00%", "1", "1", "100.0%"],
        [],
        ["semantic", "100.00%", "2", "2", "66.7%"],
        ["syntactic", "100.00%", "1", "1", "100.0%"],
        ["all", "100.00%", "3", "3", "75.0%"],
        [],
        ["pairs.tsv"],
        ["Spearman", "1.0000,", "Pearson", "1.0000:", "3", "of", "4", "pairs", "(75.0%)"],
    ]
    first, second = (
        json.loads(line) for line in invoke("embed", "-m", model, "--evaluate", analogies, "--evaluate", pairs, "--json").lines
    )
    assert (first["kind"], first["accuracy"], first["asked"], first["coverage"]) == ("analogies", 100.0, 3, 75.0)
    assert [each["name"] for each in first["sections"]] == ["family", "gram1"]
    assert (second["kind"], second["spearman"], second["total"], second["unknown"]) == ("similarity", 1.0, 4, 1)
    few = invoke("embed", "-m", model, "--evaluate", analogies, "--limit", 5, "--json", "--method", "cosmul").lines[0]
    assert json.loads(few)["asked"] == 2


def test_ngrams_need_no_advice(invoke, tmp_path):
    save(with_subwords(), tmp_path / "sub", "x")
    found = invoke("embed", "-m", tmp_path / "sub", "--words", stdin="Läufer runners\n".encode())
    assert (found.err, "unknown" in found.text) == ("", False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--near", "a", "--analogy", "a b c"], "--near contradicts --analogy (one question at a time)"),
        (["--near", "a", "--words"], "--words contradicts --near"),
        (["--near", "a", "--pool", "max"], "--pool contradicts --near"),
        (["--near", "a", "notes.txt"], "--near reads no lines (what is notes.txt for? A model is named by -m)"),
        (["--similarity", "a", "b", "--top", "3"], "--top contradicts --similarity"),
        (["--similarity", "a"], "--similarity"),
        (["--search", "a", "--words"], "--words contradicts --search"),
        (["--evaluate", "x", "--normalize"], "--normalize contradicts --evaluate"),
        (["--top", "3"], "--top is for --near, --analogy, --search"),
        (["--method", "cosmul"], "--method is for --analogy, --evaluate"),
        (["--words", "--pool", "mean"], "--words contradicts --pool"),
        (["--words", "--pretokenized"], "--words contradicts --pretokenized"),
        (["--words", "--input", "jsonl"], "--words reads text (not JSON)"),
        (["--fit", __file__], "--fit is for --pool sif"),
        (["--pool", "mena"], "--pool mena: no such choice (did you mean 'mean'?)"),
        (["-f", "glvoe"], "-f glvoe: no such choice (did you mean 'glove'?)"),
        (["--json", "-f", "tsv"], "--json contradicts -f tsv"),
        (["--input", "xml"], "--input xml: no such choice"),
        (["--errors", "ignore"], "--errors ignore: no such choice"),
        (["--analogy", "a b"], 'an analogy has three words, not 2 (as in --analogy "man king woman")'),
        (["--analogy", "a b c", "--method", "add"], "--method add: no such choice"),
        (["--top", "0", "--near", "a"], "--top"),
        (["--near", "a", "--odd-one-out", "b"], "--near contradicts --odd-one-out"),
    ],
)
def test_wrong_options(invoke, model, options, said):
    assert invoke("embed", "-m", model, *options, stdin=b"x\n").fails(2, said).out == b""


def test_without_a_model_the_shipped_vectors_answer(invoke):
    assert invoke("embed", "--analogy", "man king woman", "--top", "1").text.startswith("queen")
    row = json.loads(invoke("embed", "--words", stdin=b"King\n").text)
    assert (row["word"], len(row["vector"])) == ("King", 100)
    near = [line.split()[0] for line in invoke("embed", "--near", "france", "--top", "5").lines]
    assert {"germany", "italy"} & set(near)
    first, second = (json.loads(line)["vector"] for line in invoke("embed", stdin=b"The cat sat.\nthe cat sat .\n").lines)
    assert first == second  # cut into words as English
    size = sum(file.stat().st_size for file in (folder.PRETRAINED / "en-vectors").iterdir())
    assert size <= 5_000_000


def test_wrong_input(invoke, model, tmp_path):
    invoke("embed", "-m", "en-pos", stdin=b"x\n").fails(1, "not word vectors")
    invoke("embed", "-m", model, "--near", "quene").fails(1, "no vector for 'quene' (did you mean 'queen'?)")
    invoke("embed", "-m", model, "--near", "").fails(1, "no vector for ''")
    invoke("embed", "-m", model, "--odd-one-out", "cat dog").fails(2, "three words or more, not 2")
    invoke("embed", "-m", model, tmp_path / "none").fails(1, "no such file")
    invoke("embed", "-m", model, "--evaluate", tmp_path / "none").fails(1, "no such file")
    bad = tmp_path / "bad"
    bad.write_bytes(b"fine\nbad \xff\n")
    for more in ([], ["--words"], ["--search", "cat"]):
        done = invoke("embed", bad, "-m", model, *more, "-o", tmp_path / "out")
        done.fails(1, f"{bad}, line 2, byte 5: not valid UTF-8")
        assert not (tmp_path / "out").exists()
        assert invoke("embed", bad, "-m", model, "-q", *more, "--errors", "replace").code == 0
    invoke("embed", "-m", model, "--input", "jsonl", stdin=b'"a"\n{').fails(1, "<stdin>, line 2: not JSON")


def test_import_and_export(invoke, tmp_path, vectors):
    for kind, name in (
        ("word2vec", "v.txt"),
        ("word2vec-bin", "v.bin"),
        ("glove", "v.vec"),
        ("tsv", "v.tsv"),
        ("jsonl", "v.jsonl"),
        ("npy", "v.npy"),
    ):
        save(vectors, tmp_path / "first", "x", force=True)
        assert invoke("models", "export", tmp_path / "first", "-f", kind, "-o", tmp_path / name).code == 0
        assert invoke("models", "import", tmp_path / name, "-o", tmp_path / "second", "--force").code == 0
        same(open_vectors(tmp_path / "second"), vectors)
    assert invoke("models", "export", tmp_path / "first").out == (tmp_path / "v.txt").read_bytes()
    assert (tmp_path / "v.words").read_text().split("\n")[:-1] == list(MEANING)
    assert invoke("models", "show", tmp_path / "second").text.startswith("# second\n")
    few = invoke("models", "import", tmp_path / "v.tsv", "-o", tmp_path / "few", "--int8", "--limit", 4)
    assert few.code == 0
    same(open_vectors(tmp_path / "few"), quantised(vectors).limited(4))
    packed = gzip.compress((tmp_path / "v.vec").read_bytes())
    assert invoke("models", "import", "-", "-f", "glove", "-o", tmp_path / "third", stdin=packed).code == 0
    same(open_vectors(tmp_path / "third"), vectors)


def test_what_cannot_be_imported(invoke, tmp_path, model):
    bad = tmp_path / "bad.txt"
    bad.write_text("2 2\na 1 2\nb 1\n")
    invoke("models", "import", bad, "-o", tmp_path / "model").fails(1, f"{bad}, line 3: 1 numbers, expected 2")
    assert not (tmp_path / "model").exists()
    invoke("models", "import", bad, "-o", model).fails(1, "exists", "--force")
    invoke("models", "import", bad, "-o", model, "--force").fails(1, "line 3")
    assert open_vectors(model).dimensions == 5
    invoke("models", "import", bad, "-o", tmp_path / "model", "-f", "glvoe").fails(2, "did you mean 'glove'?")
    invoke("models", "import", bad).fails(2, "--output")
    invoke("models", "export", model, "-f", "npy").fails(2, "npy has no room for the words")
    invoke("models", "export", "en-pos").fails(1, "not word vectors")
    save(Vectors.of(["New York"], np.ones((1, 2))), tmp_path / "blank", "x")
    invoke("models", "export", tmp_path / "blank", "-o", tmp_path / "out").fails(1, "'New York' holds a blank", "-f tsv")
    assert not (tmp_path / "out").exists()


def test_an_answer_to_each_line_and_a_reader_that_goes(model):
    with subprocess.Popen(
        [*SEQ, "embed", "-m", str(model), "-f", "tsv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b"dog\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"dog\t0.0\t0.0\t0.1\t0.0\t1.0\n"
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0
    for more in ("", "--words"):
        command = f"yes dog | {' '.join(SEQ)} embed -m {model} -f tsv {more} | head -n 2; echo ${{PIPESTATUS[1]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
        assert (done.stdout.split(b"\n")[-2:], done.stderr) == ([b"0", b""], b"")


def test_streams_in_pieces(model, tmp_path):
    """However the input arrives, the same bytes come out."""
    text = "".join(f"The {['cat', 'dog', 'bread', 'king'][i % 4]} sat{' .' * (i % 9)}\n" for i in range(3_000)).encode()
    wanted = seq("embed", "-m", model, "--pool", "sif", stdin=text)
    for size in (37, 20_011):
        feed = f"import sys, os; d = sys.stdin.buffer.read(); [os.write(1, d[i:i + {size}]) for i in range(0, len(d), {size})]"
        command = f"{sys.executable} -c '{feed}' | {' '.join(SEQ)} embed -m {model} --pool sif"
        done = subprocess.run(["bash", "-c", command], input=text, capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
        assert done.stdout == wanted.out


PROBE = """
import sys
from seqcli.cli import run
assert run(sys.argv[1:]) == 0
heavy = {"torch", "safetensors", "scipy", "sklearn", "multiprocessing", "concurrent", "tokenizers", "rich"}
print(heavy & {name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize("options", [["--words"], [], ["--near", "king"], ["--pool", "sif", "-f", "npy"]])
def test_nothing_heavy_is_imported(model, options):
    command = [SEQ[0], "-c", PROBE, "embed", "-m", str(model), *options]
    done = subprocess.run(command, input=b"king\n", capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
    assert done.stderr == b"set()\n"
