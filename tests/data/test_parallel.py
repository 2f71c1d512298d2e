"""Files side by side: every line in its batch, whatever the sizes; what does not fit together is named; nothing is held back."""

import gzip
import io
import lzma
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.parallel import Source, batches
from seqcli.errors import Failure, UsageFailure
from tests.conftest import ENVIRONMENT

text = st.text(st.sampled_from("aä\u2028\x85\x0b €<&\ufeff"), max_size=5)
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(text, min_size=n, max_size=n + 1), min_size=1, max_size=12))
SGM = b'<refset refid="A">\n<doc docid=d>\n<seg id=1> eins </seg>\n<seg id=2>zwei\nund</seg>\n</doc>\n</refset>\n'


def columns(*sources, **options):
    """The sources whole, after a look at how they were cut."""
    found = list(batches(sources, **options))
    size = options.get("size", 4096)
    line = 1
    for batch in found:
        assert batch.first_line == line
        assert len(batch.columns) == len(sources)
        assert {len(column) for column in batch.segments} == {len(batch.segments[0])}
        assert 0 < len(batch.segments[0]) <= size
        line += len(batch.segments[0])
    assert all(len(batch.segments[0]) == size for batch in found[:-1])  # files do not pause
    return [[segment for batch in found for segment in batch.segments[i]] for i in range(len(sources))]


def file(folder, name, data):
    path = Path(folder, name)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@given(st.lists(st.tuples(text, text, text), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 50), st.booleans(), st.data())
def test_the_columns_are_the_lines(rows, size, block, ended, data):
    files = [list(column) for column in zip(*rows, strict=True)]
    if files[0][0].startswith("\ufeff"):
        files[0][0] = "a" + files[0][0]
    files[1][0] = files[1][0].lstrip("\ufeff")
    files[2][0] = files[2][0].lstrip("\ufeff")
    for lines in files:
        lines[-1] = lines[-1] or "."  # so that it is a line without its end, too
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, lines in enumerate(files):
            content = "\n".join(lines) + "\n" * ended
            content = data.draw(st.sampled_from([content, "\ufeff" + content, content.replace("\n", "\r\n")]))
            pack = data.draw(st.sampled_from([bytes, gzip.compress, lzma.compress]))
            paths.append(file(folder, str(i), pack(content.encode())))
        assert columns(*map(Source, paths), size=size, block=block) == files
        assert columns(Source(paths[2]), Source(paths[2]), Source(paths[0]), size=size, block=block) == [files[2], files[2], files[0]]


@given(tables, st.integers(1, 5), st.integers(1, 50), st.booleans(), st.sampled_from(["\n", "\r\n"]), st.data())
def test_columns_of_a_table(table, size, block, header, end, data):
    width = min(map(len, table))
    rows = [[f"name {i}" for i in range(width)], *table] if header else table
    if rows[0][0].startswith("\ufeff"):
        rows[0][0] = ""
    lines = ["\t".join(row) for row in rows]
    lines[-1] = lines[-1] or "."
    body = [line.split("\t") for line in lines][header:]
    known = [None, *range(1, width + 1), *([f"name {i}" for i in range(width)] if header else [])]
    wanted = data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=4))
    wanted = [*wanted, "name 0"] if header else wanted
    expected = [
        lines[header:] if column is None else [row[int(column[5:]) if isinstance(column, str) else column - 1] for row in body]
        for column in wanted
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = file(folder, "a.tsv", end.join([*lines, ""]))
        plain = file(folder, "b.txt", "".join(f"{i}\n" for i in range(len(body))))
        found = columns(*(Source(path, column) for column in wanted), Source(plain), size=size, block=block)
    assert found == [*expected, [str(i) for i in range(len(body))]]


@given(st.lists(st.integers(0, 30), min_size=2, max_size=3), st.integers(1, 9), st.integers(1, 20))
def test_unequal_lengths_are_told_exactly(counts, size, block):
    with tempfile.TemporaryDirectory() as folder:
        paths = [file(folder, str(i), "x\n" * count) for i, count in enumerate(counts)]
        sources = [Source(path) for path in paths]
        if 0 in counts:
            with pytest.raises(Failure, match=r"/\d is empty$"):
                list(batches(sources, size, block=block))
        elif len(set(counts)) > 1:
            other = next(i for i, count in enumerate(counts) if count != counts[0])
            with pytest.raises(Failure) as caught:
                list(batches(sources, size, block=block))
            unit = "line" if counts[0] == 1 else "lines"
            assert caught.value.message == f"{paths[0]} has {counts[0]} {unit}, {paths[other]} {counts[other]}"
        else:
            assert columns(*sources, size=size, block=block) == [["x"] * counts[0]] * len(counts)


FAILURES: dict[str, tuple[list[str | bytes], list[int | str | None], str]] = {
    "short": (["x\n" * 1000, "x\n" * 999], [None, None], "0 has 1,000 lines, 1 999 (the nth of one belongs to the nth of the other)"),
    "no last end": (["a", "a\nb"], [None, None], "0 has 1 line, 1 2 (the nth of one belongs to the nth of the other)"),
    "sgm": ([SGM, "x\n"], [None, None], "0 has 2 segments, 1 1 line (the nth of one belongs to the nth of the other)"),
    "rows": (["a\nb\n", "e\tf\n1\t2\n"], [None, "f"], "0 has 2 lines, 1 1 row (the nth of one belongs to the nth of the other)"),
    "empty": (["a\n", ""], [None, None], "1 is empty"),
    "only a mark": (["\ufeff", "a\n"], [None, None], "0 is empty"),
    "only a header": (["en\tde\n"], ["de"], "0 has no rows after its header"),
    "column": (["a\tb\tc\n" * 6 + "a\tb\n" + "a\n"], [3], "0, line 7: no column 3 (2 columns)"),
    "first column": (["a\n"], [2], "0, line 1: no column 2 (1 column)"),
    "under a header": (["en\tde\na\tb\na\n"], ["de"], "0, line 3: no column 2 (1 column)"),
    "no such name": (["english\tgerman\na\tb\n"], ["germn"], "0: no column 'germn' (did you mean 'german'?)"),
    "utf-8": (
        ["a\nb\n", b"a\nb\xff\n"],
        [None, None],
        "1, line 2, byte 2: not valid UTF-8 (0xff) (convert it, or pass --err",
    ),
    "utf-8 elsewhere": ([b"a\tb\xff\nc\td\n"], [1], "0, line 1, byte 4: not valid UTF-8 (0xff) (convert it, or pass --err"),
    "utf-16": (["a\n", "a\n".encode("utf-16")], [None, None], "1 is UTF-16 text, not UTF-8 text (convert or unpack it first)"),
    "gzip": (["a\n" * 999, gzip.compress(b"a\n" * 999, mtime=0)[:-9]], [None, None], "1: broken gzip data: "),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_wrong_is_said(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents, wanted, message = FAILURES[case]
    paths = [file("", str(i), content) for i, content in enumerate(contents)]
    for block in (2, 7, 1 << 20):
        with pytest.raises(Failure) as caught:
            columns(*(Source(path, column) for path, column in zip(paths, wanted, strict=True)), block=block)
        assert str(caught.value).startswith(message)


def test_all_files_are_checked_before_the_first_is_read(tmp_path):
    good = file(tmp_path, "good", b"\xff")
    with pytest.raises(Failure, match="no such file"):
        list(batches([Source(good), Source(tmp_path / "missing")]))
    with pytest.raises(Failure, match="is a folder"):
        list(batches([Source(good), Source(tmp_path)]))
    with pytest.raises(UsageFailure, match="numbered from 1"):
        list(batches([Source(good, 0)]))


def test_invalid_utf8_can_be_replaced(tmp_path):
    path = file(tmp_path, "a", b"a\xff\tb\nc\td\n")
    assert columns(Source(path, 1), errors="replace") == [["a\ufffd", "c"]]


def test_markup_beside_text(tmp_path):
    ref, hyp, xml = file(tmp_path, "no.suffix", SGM), file(tmp_path, "hyp.sgm", "<b>one</b>\n<seg>\n"), tmp_path / "x.gz"
    pairs = "".join(f'<seg id="{i}">{i}</seg>' for i in (1, 2))
    xml.write_bytes(
        gzip.compress(
            f"<?xml version='1.0'?>\n<dataset><doc id='d'><src>{pairs}</src><ref translator='B'>{pairs}</ref>"
            f"<hyp system='X'>{pairs.replace('>', '>x', 1)}</hyp></doc></dataset>".encode(),
            mtime=0,
        )
    )
    sources = Source(ref), Source(hyp), Source(xml, kind="system"), Source(xml, kind="reference", name="B"), Source(xml)
    one = ["1", "2"]
    for block in (1, 100, 1 << 20):
        assert columns(*sources, block=block) == [["eins", "zwei und"], ["<b>one</b>", "<seg>"], ["x1", "2"], one, one]
    with pytest.raises(Failure, match=r"x.gz \(system X\) has 2 segments, .*long 3 lines"):
        columns(Source(xml, kind="system"), Source(file(tmp_path, "long", "\n\n\n")))


def standard_input(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))


def test_standard_input_is_read_once_for_all_its_columns(monkeypatch, tmp_path):
    standard_input(monkeypatch, b"a\tb\nc\td\n")
    other = file(tmp_path, "other", b"1\n2\n")
    found = columns(Source(Path("-"), 2), Source(other), Source(Path("-"), 1, kind="source"), Source(Path("-")))
    assert found == [["b", "d"], ["1", "2"], ["a", "c"], ["a\tb", "c\td"]]
    standard_input(monkeypatch, b"a\n")
    with pytest.raises(Failure, match=r"<stdin> has 1 line, .*other 2"):
        columns(Source(Path("-")), Source(other))
    standard_input(monkeypatch, b"")
    with pytest.raises(Failure, match="<stdin> is empty"):
        columns(Source(other), Source(Path("-")))


def test_markup_through_a_pipe_gives_several_sets(monkeypatch):
    standard_input(monkeypatch, SGM + SGM.replace(b'"A"', b'"B"').replace(b"eins", b"one"))
    found = columns(*(Source(Path("-"), kind="reference", name=name) for name in "BA"), block=50)
    assert found == [["one", "zwei und"], ["eins", "zwei und"]]


@pytest.mark.parametrize("order", ["pipe first", "file first", "two pipes"])
def test_where_the_input_pauses_nothing_is_held_back(order, tmp_path):
    names = ["one", "two"] if order == "two pipes" else ["one"]
    for name in names:
        os.mkfifo(tmp_path / name)
    answered = threading.Event()
    late = []

    def write(path):
        with path.open("wb") as pipe:
            pipe.write(b"a\nb\nc")
            pipe.flush()
            late.append(not answered.wait(20))
            pipe.write(b"d\ne\n")

    writers = [threading.Thread(target=write, args=(tmp_path / name,)) for name in names]
    for writer in writers:
        writer.start()
    sources = [Source(tmp_path / name) for name in names]
    if order != "two pipes":
        sources.insert(order == "pipe first", Source(file(tmp_path, "file", "a\nb\ncd\ne\n")))
    found = []
    for batch in batches(sources):
        assert all(column == batch.segments[0] for column in batch.segments)
        found.append((batch.first_line, batch.segments[0]))
        answered.set()
    for writer in writers:
        writer.join()
    assert late == [False] * len(names)
    assert found[0] == (1, ["a", "b"])
    assert [line for _, lines in found for line in lines] == ["a", "b", "cd", "e"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak memory of a process is read from Linux's /proc")
def test_memory_does_not_grow(tmp_path):
    """Two streams of 5,000,000 lines, one of them with the longer lines, within what the program itself takes."""
    program = (
        "import re, sys; from pathlib import Path; from seqcli.data.parallel import Source, batches\n"
        "sources = [Source(Path(name)) for name in sys.argv[1:]]\n"
        "print(sum(len(batch.segments[0]) for batch in batches(sources)))\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    shell = f"exec {sys.executable} -c {shlex.quote(program)} <(yes short | head -n 5000000) <(yes 'a longer line' | head -n 5000000)"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, env=ENVIRONMENT, timeout=300)
    count, peak = map(int, done.stdout.split())
    assert count == 5_000_000
    assert peak < 120 * 1024, peak  # KB; the lines as strings would be 500 MB
