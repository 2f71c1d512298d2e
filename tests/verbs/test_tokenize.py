"""`seq tokenize` from end to end."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, SAMPLES, SEQ, seq
from tests.text.subword.toys import LINES, library, trained

NOTES = SAMPLES / "notes.txt"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A lossless tokenizer."""
    path = tmp_path_factory.mktemp("models") / "mine.json"
    trained("bpe").save(str(path))
    return path


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory):
    """Another."""
    path = tmp_path_factory.mktemp("models") / "other.json"
    trained("byte-bpe").save(str(path))
    return path


def test_pieces_ids_and_objects(invoke, model):
    tokenizer = library("bpe")
    lines = NOTES.read_text().split("\n")[:-1]
    pieces, ids = invoke("tokenize", NOTES, "-m", model), invoke("tokenize", NOTES, "-m", model, "--ids")
    values = [json.loads(line) for line in invoke("tokenize", NOTES, "-m", model, "--json").lines]
    assert [[int(number) for number in line.split()] for line in ids.lines] == tokenizer.encode(lines)
    assert [value["ids"] for value in values] == tokenizer.encode(lines)
    assert [value["text"] for value in values] == lines
    assert [[piece.replace(" ", "▁") for piece in value["pieces"]] for value in values] == [line.split() for line in pieces.lines]
    for value in values:
        assert len(value["offsets"]) == len(value["ids"])
        assert all(0 <= start <= end <= len(value["text"]) for start, end in value["offsets"])
    assert (pieces.code, pieces.err, ids.err) == (0, "", "")


def test_back_to_text(invoke, model, bytewise, tmp_path):
    for name in (model, bytewise):
        pieces, ids = invoke("tokenize", NOTES, "-m", name).out, invoke("tokenize", NOTES, "-m", name, "--ids").out
        assert invoke("tokenize", "-m", name, "--decode", stdin=pieces).out == NOTES.read_bytes()
        assert invoke("tokenize", "-m", name, "--ids", "--decode", stdin=ids).out == NOTES.read_bytes()
    assert invoke("tokenize", "-m", model, "--decode", stdin=ids[:0]).out == b""


def test_files_streams_and_line_ends(invoke, model, tmp_path):
    packed = tmp_path / "notes.txt.gz"
    packed.write_bytes(gzip.compress(NOTES.read_bytes()))
    wanted = invoke("tokenize", NOTES, "-m", model).out
    assert invoke("tokenize", packed, "-m", model).out == wanted
    assert invoke("tokenize", "-m", model, stdin=NOTES.read_bytes().replace(b"\n", b"\r\n")).out == wanted
    assert invoke("tokenize", "-", NOTES, "-m", model, stdin=NOTES.read_bytes()).out == wanted * 2
    done = invoke("tokenize", NOTES, "-m", model, "-o", tmp_path / "out")
    assert (done.out, (tmp_path / "out").read_bytes()) == (b"", wanted)
    assert invoke("tokenize", "-m", model, stdin=b"\n\nthe").lines == ["", "", "▁the"]
    assert invoke("tokenize", "-m", model, stdin=b"").out == b""


def test_objects_in(invoke, model, tmp_path):
    file = tmp_path / "texts.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"id": 7, "text": "the cat"}\n\n"the cat"\n'))
    assert invoke("tokenize", file, "-m", model).lines == ["▁the ▁cat", "", "▁the ▁cat"]
    found = [json.loads(line) for line in invoke("tokenize", file, "-m", model, "--json").lines]
    assert (found[0]["id"], found[0]["pieces"], found[0]["offsets"][1]) == (7, [" the", " cat"], [3, 7])
    assert invoke("tokenize", "--input", "jsonl", "-m", model, stdin=b'"the"').lines == ["▁the"]


def test_stats_and_vocabularies(invoke, model, bytewise):
    text = invoke("tokenize", NOTES, "--stats", "-m", model, "-m", bytewise)
    assert [line.split("  ")[0] for line in text.lines][4:6] == ["words", "pieces"]
    found = [json.loads(line) for line in invoke("tokenize", NOTES, "--stats", "--json", "-m", model, "-m", bytewise).lines]
    assert [each["model"] for each in found] == [str(model), str(bytewise)]
    assert found[0]["words"] == len(NOTES.read_text().split())
    rows = [line.split("\t") for line in invoke("tokenize", "--vocab", "-m", model).lines]
    assert [int(row[0]) for row in rows] == list(range(len(library("bpe").vocabulary)))


@pytest.mark.slow
def test_processes_do_not_change_a_byte(model, tmp_path):
    lines = [f"{line} {i % 997} {'ä' * (i % 12)}" for i, line in enumerate(LINES * 3000)]
    file = tmp_path / "large.txt"
    file.write_text("\n".join(lines))
    alone = seq("tokenize", "-m", model, file, "-j", 1)
    assert (alone.code, alone.err) == (0, "")
    assert len(alone.out) > 4_500_000
    assert seq("tokenize", "-m", model, file, "-j", 2) == alone
    assert seq("tokenize", "-m", model, "--decode", stdin=alone.out).text == file.read_text() + "\n"
    file.write_bytes(file.read_bytes() + b"\nbad \xff\n")
    for jobs in (1, 2):
        done = seq("tokenize", "-m", model, file, "-j", jobs, "-o", tmp_path / "out")
        done.fails(1, f"{file}, line {len(lines) + 1}, byte 5: not valid UTF-8")
        assert not (tmp_path / "out").exists()


def test_an_answer_to_each_line_and_a_reader_that_goes(model):
    with subprocess.Popen(
        [*SEQ, "tokenize", "-m", str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(b"the cat\n")
            process.stdin.flush()
            assert process.stdout.readline() == "▁the ▁cat\n".encode()
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0
    command = f"yes the cat | {' '.join(SEQ)} tokenize -m {model} | head -n 2; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
    assert (done.stdout.decode(), done.stderr) == ("▁the ▁cat\n▁the ▁cat\n0\n", b"")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--errors", "replac"], "--errors replac: no such choice (did you mean 'replace'?)"),
        (["--input", "conllu"], "--input conllu: no such choice"),
        (["--decode", "--stats"], "--decode contradicts --stats"),
        (["--vocab", "--decode"], "--decode contradicts --vocab"),
        (["--json", "--decode"], "--json contradicts --decode"),
        (["--ids", "--json"], "--ids contradicts --json (they are in it)"),
        (["--ids", "--stats"], "--ids contradicts --stats"),
        (["-m", "a", "-m", "b"], "several -m are for --stats"),
        (["-j", "-2"], "--jobs"),
        (["a.txt", "b.jsonl.gz"], "files of several kinds: jsonl, text (say which with --input)"),
    ],
)
def test_wrong_options(invoke, options, said):
    assert invoke("tokenize", *options, stdin=b"x\n").fails(2, said).out == b""


def test_wrong_input(invoke, model, tmp_path):
    file = tmp_path / "bad"
    file.write_bytes(b"fine\nbad \xff\n")
    invoke("tokenize", file, "-m", model).fails(1, f"{file}, line 2, byte 5: not valid UTF-8", "--errors replace")
    assert invoke("tokenize", file, "-m", model, "--errors", "replace").code == 0
    invoke("tokenize", "-m", model, "--decode", "--ids", stdin=b"1\n\n99999\n").fails(1, "<stdin>, line 3: id 99999 is out of range")
    invoke("tokenize", "-m", model, "--decode", stdin="▁the\nxyz".encode()).fails(
        1, "<stdin>, line 2: the vocabulary has no piece 'xyz'"
    )
    invoke("tokenize", "--input", "jsonl", "-m", model, stdin=b'"a"\n{').fails(1, "<stdin>, line 2: not JSON")
    invoke("tokenize", "-m", tmp_path / "nothing", stdin=b"x").fails(1, "nothing")
    invoke("tokenize", tmp_path / "nothing", "-m", model).fails(1, "no such file")


PROBE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from seqcli.text.subword.library import Library
sys.modules["seqcli.text.subword.open"] = SimpleNamespace(open_tokenizer=lambda name: Library.read(Path(name)))
from seqcli.cli import run
assert run(sys.argv[1:]) == 0
print({"numpy", "torch", "multiprocessing", "concurrent"} & set(sys.modules), file=sys.stderr)
"""


def test_a_short_text_needs_neither_numpy_nor_processes(model):
    command = [SEQ[0], "-c", PROBE, "tokenize", "-m", str(model), str(NOTES)]
    done = subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT, timeout=60)
    assert done.stderr == b"set()\n"
    assert Path(NOTES).stat().st_size < 1 << 16


def test_samples(invoke, model, tmp_path):
    """Drawn by seed and line number; nothing left out is the plain way; what cannot sample says so."""
    drawn = [invoke("tokenize", NOTES, "-m", model, "--sample", "--seed", seed, "--dropout", "0.5").out for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert invoke("tokenize", "-m", model, "--decode", stdin=drawn[2]).out == NOTES.read_bytes()
    plain = invoke("tokenize", NOTES, "-m", model, "--ids").out
    assert invoke("tokenize", NOTES, "-m", model, "--ids", "--sample", "--dropout", "0").out == plain
    words = tmp_path / "word.json"
    trained("wordpiece").save(str(words))
    for arguments, message in (
        (("-m", words, "--sample"), "seq: a tokenizer of kind wordpiece cannot sample (bpe, byte-bpe and unigram can)"),
        (("-m", model, "--alpha", "1"), "seq: --alpha is for --sample"),
        (("-m", model, "--sample", "--json"), "seq: --json contradicts --sample (leave --json out, or add --ids for numbers)"),
        (("-m", model, "--sample", "--decode"), "seq: --decode contradicts --sample"),
    ):
        result = invoke("tokenize", NOTES, *arguments)
        assert (result.code, result.out, result.err.strip()) == (2, b"", message)


@pytest.mark.parametrize("name", ["en-bpe", "en-de-bpe"])
def test_shipped(invoke, name):
    """What is shipped loses nothing, and is the default in English."""
    text = NOTES.read_text() + "  ü ß\t日本 \x00 é ▁ 👩‍👩‍👧  \n\n \n"
    pieces = invoke("tokenize", "-m", name, stdin=text.encode()).out
    assert invoke("tokenize", "-m", name, "--decode", stdin=pieces).out.decode() == text
    if name == "en-bpe":
        assert invoke("tokenize", stdin=text.encode()).out == pieces
        assert pieces.decode().split()[:3] == ["▁Dr", ".", "▁Ada"]


def test_traces(invoke, tmp_path):
    """Text, objects and a page of the same word; the last step is what encoding gives."""
    page = tmp_path / "trace.html"
    told = invoke("tokenize", "--trace", "untranslatable", "--html", page)
    assert told.code == 0
    assert "▁unt rans l at able" in told.out.decode()
    assert page.read_text().startswith("<!doctype html>")
    value = json.loads(invoke("tokenize", "--trace", "untranslatable", "--json").out)
    assert value["merges"][-1]["symbols"] == value["pieces"]
    for arguments, message in (
        (("--html", page), "seq: --html is for --trace"),
        (("--trace", "a", NOTES), "seq: --trace takes its words as an argument (leave the files out)"),
        (("--trace", "a", "--ids"), "seq: --ids contradicts --trace (they are in it)"),
        (("--trace", "a", "--vocab"), "seq: --trace contradicts --vocab"),
    ):
        result = invoke("tokenize", *arguments)
        assert (result.code, result.out, result.err.strip()) == (2, b"", message)
