"""`seq tag` from end to end: every format, what is odd but accepted, what is wrong and how it is said."""

import gzip
import json
import math
import os
import shutil
import subprocess
import time
from functools import cache
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data import conllu
from seqcli.data.blocks import Block
from seqcli.data.folder import CONFIG, WEIGHTS
from seqcli.models.registry import open_tagger
from seqcli.tasks.tagging import Job
from seqcli.text.segment import RuleSegmenter
from tests.conftest import ENVIRONMENT, SAMPLES, SEQ, seq

DEV = SAMPLES / "tags.dev.conllu"
NOTES = SAMPLES / "notes.txt"
ODD = [
    "Vámonos al mar!",
    "👩🏽‍🚀 and 👨‍👩‍👧‍👦 met 🇩🇪.",
    "שלום עולם, مرحبا بالعالم!",
    "a\0b \0 c",
    "e\u0301a\u200db",
    "İstanbul ŉ ß",
    "…'’“”«»",
]


def objects(result):
    assert (result.code, result.err) == (0, "")
    return [json.loads(line) for line in result.lines]


def check_offsets(value):
    """The words, laid where the offsets say, are the text; between them is white space only."""
    text, last = value["text"], 0
    assert [text[start:end] for start, end in value["offsets"]] == value["tokens"]
    for start, end in value["offsets"]:
        assert not text[last:start].strip()
        last = end
    assert not text[last:].strip()
    assert len(value["tags"]) == len(value["tokens"]) == sum(value["sentences"])


# Formats


def test_notes_in_every_format(invoke):
    lines = NOTES.read_text().split("\n")[:-1]
    text = invoke("tag", NOTES)
    values = objects(invoke("tag", "--json", NOTES))
    assert [value["text"] for value in values] == lines
    for value, line in zip(values, text.lines, strict=True):
        check_offsets(value)
        assert line == " ".join(f"{word}/{tag}" for word, tag in zip(value["tokens"], value["tags"], strict=True))
    sentences = list(conllu.read(invoke("tag", "-f", "conllu", NOTES).lines))
    assert [word for each in sentences for word in each.column("form")] == [word for value in values for word in value["tokens"]]
    assert [tag for each in sentences for tag in each.column("upos")] == [tag for value in values for tag in value["tags"]]
    assert [len(each.words) for each in sentences] == [size for value in values for size in value["sentences"]]
    rows = [line.split("\t") for line in invoke("tag", "-f", "tsv", NOTES).lines if line]
    assert rows == [list(pair) for value in values for pair in zip(value["tokens"], value["tags"], strict=True)]


def test_a_treebank_keeps_its_words_and_all_but_the_tags(invoke, tmp_path):
    found = invoke("tag", DEV, "--fields", "upos")
    assert (found.code, found.err) == (0, "")
    gold = DEV.read_text()
    for line, other in zip(found.lines, gold.split("\n")[:-1], strict=True):
        ours, theirs = line.split("\t"), other.split("\t")
        assert ours[:3] + ours[4:] == theirs[:3] + theirs[4:]
    right = [a == b for a, b in zip(found.lines, gold.split("\n"), strict=False) if "\t" in a]
    assert sum(right) / len(right) > 0.9
    packed = tmp_path / "dev.conllu.gz"
    packed.write_bytes(gzip.compress(DEV.read_bytes()))
    for options in ("--fields=upos", "--fields=upos,upos"):
        assert invoke("tag", packed, options).out == found.out
        assert invoke("tag", "--input", "conllu", options, stdin=DEV.read_bytes()).out == found.out
        assert invoke("tag", "--input", "conllu", options, stdin=DEV.read_bytes().replace(b"\n", b"\r\n")).out == found.out
    words = [line.split("\t")[1] for line in gold.split("\n\n")[0].split("\n") if line[0] != "#"]
    assert [word.rpartition("/")[0] for word in invoke("tag", DEV, "-f", "text").lines[0].split()] == words
    assert objects(invoke("tag", DEV, "-f", "jsonl"))[0]["tokens"] == words


def test_ranges_and_empty_nodes_are_kept(invoke):
    rows = "# c = d\n1-2\tcan't" + "\t_" * 8 + "\n1\tca" + "\t_" * 8 + "\n2\tn't" + "\t_" * 8 + "\n2.1\tgo" + "\t_" * 8 + "\n\n"
    found = invoke("tag", "--input", "conllu", "--fields", "upos", stdin=rows.encode()).text
    assert found == rows.replace("1\tca\t_\t_", "1\tca\t_\tAUX").replace("2\tn't\t_\t_", "2\tn't\t_\tPART")


def test_objects_keep_their_fields(invoke):
    lines = '{"id": 7, "text": "The cat sat.", "more": {"é": [1, null]}}\n\n{"tokens": ["Hello", "you there"]}\n'
    found = objects(invoke("tag", "--input", "jsonl", "-f", "jsonl", stdin=lines.encode()))
    assert found[0]["id"] == 7
    assert found[0]["more"] == {"é": [1, None]}
    assert found[0]["tags"] == ["DET", "NOUN", "VERB", "PUNCT"]
    assert found[1]["tokens"] == []
    assert found[2]["tokens"] == ["Hello", "you there"]
    assert invoke("tag", "--input", "jsonl", stdin=lines.encode()).lines[:2] == ["The/DET cat/NOUN sat/VERB ./PUNCT", ""]


def test_pretokenized_words_are_not_cut(invoke):
    line = "Don't ask (me). \t now"
    assert [word.rpartition("/")[0] for word in invoke("tag", "--pretokenized", stdin=line.encode()).text.split()] == line.split()
    [value] = objects(invoke("tag", "--pretokenized", "--json", stdin=line.encode()))
    check_offsets(value)
    value = objects(invoke("tag", "--pretokenized", "--json", "--input", "jsonl", stdin=json.dumps(line).encode()))[0]
    assert value["tokens"] == line.split()


@pytest.mark.parametrize("target", ["tsv", "text"])
def test_words_that_a_format_cannot_hold(invoke, target):
    stdin = b'{"tokens": ["fine"]}\n{"tokens": ["a\\nb"]}\n'
    invoke("tag", "--input", "jsonl", "-f", target, stdin=stdin).fails(1, "-f jsonl" if target == "text" else "another format")


def test_blank_records(invoke):
    stdin = b"\nHello\n\n\nHello\n\n"
    assert invoke("tag", "-f", "tsv", stdin=stdin).text == "\nHello\tINTJ\n\n\n\nHello\tINTJ\n\n\n"
    assert invoke("tag", "-f", "conllu", stdin=stdin).text.count("# text") == 2
    assert [value["text"] for value in objects(invoke("tag", "-f", "jsonl", stdin=stdin))] == ["", "Hello", "", "", "Hello", ""]
    groups = invoke("tag", "--nbest", "1", stdin=stdin).lines
    assert [bool(line) for line in groups] == [False, True, False, False, False, True, False, False]


# Probabilities


def test_posteriors(invoke):
    for decode in ("viterbi", "posterior"):
        for value in objects(invoke("tag", NOTES, "--json", "--proba", "--decode", decode)):
            for tag, row in zip(value["tags"], value["probabilities"], strict=True):
                assert sum(row.values()) == pytest.approx(1, abs=1e-4)
                assert decode == "viterbi" or row[tag] == max(row.values())
    line = invoke("tag", "--proba", stdin=b"The cat\n").text.split()
    word, tag, certainty = line[0].split("/")
    assert (word, tag, len(certainty)) == ("The", "DET", len("0.9000"))
    assert 0.9 <= float(certainty) <= 1
    rows = invoke("tag", "--proba", "-f", "tsv", stdin=b"The cat\n").lines
    assert [row.replace("\t", "/") for row in rows[:2]] == line
    misc = [row.split("\t")[9] for row in invoke("tag", "--proba", "-f", "conllu", stdin=b"The cat\n").lines if "\t" in row]
    assert misc == ["Prob=" + word.split("/")[2] for word in line]


def test_posterior_decoding_without_posteriors(invoke):
    with_them = objects(invoke("tag", NOTES, "--json", "--proba", "--decode", "posterior"))
    without = objects(invoke("tag", NOTES, "--json", "--decode", "posterior"))
    assert [value["tags"] for value in with_them] == [value["tags"] for value in without]


def test_best_taggings(invoke):
    best = objects(invoke("tag", NOTES, "--json", "--nbest", "3"))
    for value in best:
        start = 0
        for size, found in zip(value["sentences"], value["nbest"], strict=True):
            scores = [each["log_probability"] for each in found]
            assert scores == sorted(scores, reverse=True)
            assert len({tuple(each["tags"]) for each in found}) == len(found) == 3
            assert sum(map(math.exp, scores)) <= 1 + 1e-5
            assert found[0]["tags"] == value["tags"][start : start + size]
            start += size
    assert [value["tags"] for value in best] == [value["tags"] for value in objects(invoke("tag", NOTES, "--json"))]
    every = objects(invoke("tag", "--json", "--nbest", "100", stdin=b"Hello"))[0]["nbest"][0]
    assert len(every) == 17
    assert sum(math.exp(each["log_probability"]) for each in every) == pytest.approx(1, abs=1e-5)
    lines = iter(invoke("tag", NOTES, "--nbest", "2").lines)
    for value in best:
        for found in value["nbest"] or [[]]:
            for each in found[:2]:
                score, _, words = next(lines).partition("\t")
                assert float(score) == pytest.approx(each["log_probability"], abs=1e-4)
                assert [word.rpartition("/")[2] for word in words.split()] == each["tags"]
            assert next(lines) == ""


# What is odd, and accepted


def test_odd_text(invoke):
    stdin = "".join(line + "\n" for line in ODD).encode()
    found = objects(invoke("tag", "--json", stdin=stdin))
    assert [value["text"] for value in found] == ODD
    for value in found:
        check_offsets(value)
    assert len(invoke("tag", stdin=stdin).lines) == len(ODD)


def test_lone_surrogates(invoke):
    line = b'{"text": "a \\ud800 b\\udc00!", "x": "\\udfff"}\n'
    found = invoke("tag", "--input", "jsonl", "--json", stdin=line)
    [value] = objects(found)
    assert value["text"] == "a \ud800 b\udc00!"
    assert value["x"] == "\udfff"
    check_offsets(value)
    again = invoke("tag", "--input", "jsonl", "--json", stdin=found.out)
    assert objects(again)[0]["tokens"] == value["tokens"]
    assert invoke("tag", "--input", "jsonl", stdin=line).code == 0


@pytest.mark.parametrize(
    "line", ["The cat sat on the mat. " * 45_000, "x" * 1_000_000, "." * 1_000_000, "e\u0301" * 330_000, "😀" * 30_000]
)
def test_a_line_of_a_megabyte(invoke, line):
    [value] = objects(invoke("tag", "--json", stdin=line.encode()))
    assert value["text"] == line
    check_offsets(value)


@pytest.mark.parametrize(("how", "size"), [([], 100_000), (["--proba"], 20_000), (["--nbest", "2"], 20_000)], ids=str)
def test_a_very_long_sentence(invoke, small, how, size):
    line = "The cat sat on mats " * (size // 5)
    [value] = objects(invoke("tag", "-m", small, "--pretokenized", "--json", *how, stdin=line.encode()))
    assert value["sentences"] == [size]
    assert len(value["tags"]) == size


@cache
def shipped():
    return open_tagger("en-pos")[1]


LINES = st.lists(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]) | st.sampled_from("\0\u2028\x85\r .'é😀")), max_size=5
)


@given(LINES, st.booleans())
def test_laws_of_any_text(lines, cut):
    block = Block("".join(line + "\n" for line in lines).encode(), "random", 1)
    segmenter = RuleSegmenter("en") if cut else None
    values = [json.loads(line) for line in Job(shipped(), segmenter, target="jsonl")(block).decode().split("\n")[:-1]]
    assert [value["text"] for value in values] == [line.removesuffix("\r") for line in lines]
    for value in values:
        check_offsets(value)
    assert Job(shipped(), segmenter)(block).count(b"\n") == len(lines)
    sentences = list(conllu.read(Job(shipped(), segmenter, target="conllu")(block).decode().split("\n")))
    assert [word for each in sentences for word in each.column("form")] == [word for value in values for word in value["tokens"]]


# Several processes


@pytest.mark.parametrize(
    "how", [["-f", "text"], ["-f", "tsv"], ["-f", "conllu", "--proba"], ["-f", "jsonl", "--nbest", "2"], ["conllu"], ["jsonl"]]
)
def test_processes_do_not_change_a_byte(tmp_path, small, how):
    treebank = DEV.read_text()
    files = []
    for number in range(12):  # each file is a block
        path = tmp_path / f"{number}.{'conllu' if how == ['conllu'] else 'jsonl' if how == ['jsonl'] else 'txt'}"
        if path.suffix == ".conllu":
            path.write_text(treebank)
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps({"text": line, "n": number}) + "\n" for line in ODD))
        else:
            path.write_text("\n".join([*ODD, str(number), ""]) * (13 - number))
        files.append(path)
    options = ["tag", "-m", small, *(how if len(how) > 1 else []), *files]
    alone = seq(*options)
    assert (alone.code, alone.err) == (0, "")
    assert len(alone.out) > 1000
    assert seq(*options, "-j", "2") == alone


def test_processes_fail_as_one_does(tmp_path, small):
    files = [tmp_path / str(number) for number in range(12)]
    for number, file in enumerate(files):
        file.write_bytes(b"The cat sat .\n" * (13 - number))
    options = ["tag", "-m", small, *files]
    for broken in (0, 5, 11):
        whole = files[broken].read_bytes()
        files[broken].write_bytes(b"bad \xff\n")
        alone = seq(*options).fails(1, f"{files[broken]}, line 1, byte 5")
        assert seq(*options, "-j", "2") == alone
        files[broken].write_bytes(gzip.compress(whole)[:-9])  # what fails here is the reading, not the work
        alone = seq(*options).fails(1, f"{files[broken]}: broken gzip data")
        assert seq(*options, "-j", "2") == alone
        files[broken].write_bytes(whole)


# What is wrong, and how it is said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-f", "jsnl"], "-f jsnl: no such choice (did you mean 'jsonl'?)"),
        (["-f", "xyz"], "known: conllu, jsonl, text, tsv"),
        (["--input", "conlu"], "--input conlu: no such choice (did you mean 'conllu'?)"),
        (["--decode", "viterbo"], "--decode viterbo: no such choice (did you mean 'viterbi'?)"),
        (["--errors", "replac"], "--errors replac: no such choice (did you mean 'replace'?)"),
        (["--prob"], "No such option: --prob"),
        (["--nbest", "-1"], "--nbest"),
        (["--nbest", "x"], "--nbest"),
        (["-j", "-2"], "--jobs"),
        (["-m"], "-m"),
        (["--json", "-f", "tsv"], "--json contradicts -f tsv"),
        (["--nbest", "2", "-f", "tsv"], "--nbest needs -f text or -f jsonl"),
        (["--nbest", "2", "--input", "conllu"], "--nbest needs -f text or -f jsonl"),
        (["--input", "jsonl", "-f", "conllu"], "-f conllu needs"),
        (["a.txt", "b.conllu.gz"], "files of several kinds: conllu, text (say which with --input)"),
    ],
)
def test_wrong_options(invoke, options, said):
    found = invoke("tag", *options, stdin=b"x\n").fails(2, said)
    assert found.out == b""


@pytest.mark.parametrize(
    ("line", "said"),
    [("tga", "'tag'"), ("tag --josn", "--json"), ("--nothing", "No such option"), ("models shwo", "show"), ("train --lst", "--list")],
)
def test_wrong_commands(invoke, line, said):
    invoke(*line.split()).fails(2, said)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1\ta" + "\t_" * 7, "line 4: expected 10 tab-separated columns, found 9"),
        ("2\ta" + "\t_" * 8, "line 4: expected word 1, found 2"),
        ("The cat sat.", "line 4: expected 10 tab-separated columns, found 1"),
    ],
)
def test_broken_treebanks(invoke, tmp_path, rows, said):
    file = tmp_path / "bad.conllu"
    file.write_text("# a comment\n1\tfine" + "\t_" * 8 + f"\n\n{rows}\n")
    invoke("tag", file).fails(1, f"{file}, {said}")


def test_a_broken_row_in_a_later_block(tmp_path, small):
    sentence = b"".join(b"%d\tword\t_\t_\t_\t_\t_\t_\t_\t_\n" % i for i in range(1, 11)) + b"\n"
    file = tmp_path / "bad.conllu"
    file.write_bytes(sentence * 6000 + b"1\tcut\n\n")
    for jobs in (1, 2):
        seq("tag", "-m", small, "-j", jobs, "-o", tmp_path / "out", file).fails(1, f"{file}, line 66001: expected 10")
        assert not (tmp_path / "out").exists()


def test_broken_objects(invoke, tmp_path):
    file = tmp_path / "bad.jsonl"
    file.write_text('{"text": "fine"}\n\n{"text": "cut\n')
    invoke("tag", file).fails(1, f"{file}, line 3: not JSON")
    file.write_text('{"words": ["fine"]}\n')
    invoke("tag", file).fails(1, f"{file}, line 1: expected an object with `text` or `tokens`")


def test_unknown_models(invoke, tmp_path):
    invoke("tag", "-m", "en-pso", stdin=b"x").fails(1, "no model 'en-pso'", "did you mean 'en-pos'?")
    invoke("tag", "-m", tmp_path / "nothing", stdin=b"x").fails(1, "no model")
    invoke("tag", "-m", tmp_path, stdin=b"x").fails(1, "is not a model folder: config.json is missing")
    invoke("tag", "-m", NOTES, stdin=b"x").fails(1, "is a file, not a model folder")


@pytest.fixture
def broken(small, tmp_path):
    """A copy to break."""
    return Path(shutil.copytree(small, tmp_path / "broken"))


def test_models_with_files_missing_or_cut(invoke, broken):
    weights = broken / WEIGHTS
    whole = weights.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        weights.write_bytes(whole[:length])
        invoke("tag", "-m", broken, stdin=b"x").fails(1, str(broken), "model.safetensors is truncated")
    weights.unlink()
    invoke("tag", "-m", broken, stdin=b"x").fails(1, str(broken), "model.safetensors is missing")
    (broken / CONFIG).unlink()
    invoke("tag", "-m", broken, stdin=b"x").fails(1, str(broken), "config.json is missing")


def test_models_with_a_wrong_tensor(invoke, broken):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(broken / WEIGHTS)
    for name, tensor in tensors.items():
        for harm in ("missing", "shorter", "flat", "deep"):
            changed = dict(tensors)
            if harm == "missing":
                del changed[name]
            elif harm == "shorter" and tensor.size:
                changed[name] = np.ascontiguousarray(tensor[:-1])
            elif harm == "flat" and tensor.ndim > 1:
                changed[name] = tensor.reshape(-1)
            elif harm == "deep":
                changed[name] = tensor[None]
            else:
                continue
            save_file(changed, broken / WEIGHTS)
            invoke("tag", "-m", broken, stdin=b"The cat sat .").fails(1, str(broken))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "crfx"},
        {"model": 3},
        {"model": "clusters"},
        {"model": ["crf"]},
        {"parameters": None},
        {"parameters": []},
        {"parameters": {}},
        {"parameters": {"labels": 7, "recipe": {}}},
        {"parameters": {"labels": ["A", "B"], "recipe": {}}},
        {"parameters": {"labels": "NOUN", "recipe": {}}},
    ],
    ids=str,
)
def test_models_with_a_wrong_configuration(invoke, broken, change):
    config = json.loads((broken / CONFIG).read_bytes())
    (broken / CONFIG).write_text(json.dumps(config | change))
    invoke("tag", "-m", broken, stdin=b"x").fails(1, str(broken))


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe\0", b"[]", b"null", b"[" * 100_000])
def test_models_with_a_configuration_of_garbage(invoke, broken, garbage):
    (broken / CONFIG).write_bytes(garbage)
    invoke("tag", "-m", broken, stdin=b"x").fails(1, str(broken), "config.json")


# Memory


def peak(arguments, file: Path) -> tuple[float, float]:
    """(MiB at most, seconds) of a command on a file."""
    before = time.monotonic()
    running = subprocess.Popen([*SEQ, *map(str, arguments), str(file)], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(running.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1024, time.monotonic() - before


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "sizes"), [("known words", (10, 60)), ("words never seen before", (5, 15))])
def test_memory_does_not_grow_with_the_input(tmp_path, kind, sizes):
    known = NOTES.read_text().split()
    found = {}
    for megabytes in sizes:
        file = tmp_path / f"{megabytes}.txt"
        numbers = count()
        with file.open("w") as out:
            while out.tell() < megabytes * 1_000_000:
                some = list(islice(numbers, 20_000))
                words = [known[i % len(known)] for i in some] if kind == "known words" else [f"w{i}" for i in some]
                out.write("".join(" ".join(words[at : at + 20]) + "\n" for at in range(0, len(words), 20)))
        found[megabytes] = peak(["tag", "--pretokenized"], file)
    print(kind, {size: f"{memory:.0f} MiB, {seconds:.1f} s" for size, (memory, seconds) in found.items()})
    less, more = (found[size][0] for size in sizes)
    assert more < 1.15 * less
