"""Streams: what comes in, what goes out, and how a command ends when one of them does not hold."""

import bz2
import gzip
import io
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.data.blocks import Block, blocks, cut, last_end
from seqcli.errors import Failure
from seqcli.terminal import Output, Progress
from tests.conftest import ENVIRONMENT, SEQ, seq

LINE = b"The cat sat .\n"
TAGGED = b"The/DET cat/NOUN sat/VERB ./PUNCT\n"
BIG = LINE * 90_000  # more than one block


def start(*arguments, **options):
    """The program, running, with a pipe for each stream."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*SEQ, *map(str, arguments)], env=ENVIRONMENT, **{**streams, **options})


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# What comes in


def test_no_file_and_dash_are_standard_input(invoke, tmp_path):
    assert invoke("tag", stdin=LINE).out == TAGGED
    assert invoke("tag", "-", stdin=LINE).out == TAGGED
    (tmp_path / "a").write_bytes(b"Hello\n")
    assert invoke("tag", tmp_path / "a", "-", stdin=LINE).out == b"Hello/INTJ\n" + TAGGED


def test_files_are_read_in_their_order_and_unpacked(invoke, tmp_path):
    plain, packed, xz = tmp_path / "c.txt", tmp_path / "a.txt.gz", tmp_path / "b"
    plain.write_bytes(b"one")  # no line end: the next file's first line is another line
    packed.write_bytes(gzip.compress(b"two\n") + gzip.compress(b"three\n"))
    xz.write_bytes(lzma.compress(b"four\n\nfive"))
    found = invoke("tag", "-f", "jsonl", plain, packed, xz, plain)
    assert [line.split('"')[3] for line in found.lines] == ["one", "two", "three", "four", "", "five", "one"]
    assert invoke("tag", stdin=gzip.compress(LINE)).out == TAGGED
    assert invoke("tag", stdin=lzma.compress(LINE)).out == TAGGED


def test_packed_input_by_a_pipe():
    for pack in (gzip.compress, lzma.compress):
        assert seq("tag", stdin=pack(LINE)).out == TAGGED


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_broken_packed_input(invoke, tmp_path, pack, harm):
    data = pack(b"".join(b"%d The cat\n" % i for i in range(5000)))
    middle = len(data) // 2
    broken = (
        data[:middle]
        if harm == "cut"
        else data[:middle] + bytes(255 - byte for byte in data[middle : middle + 40]) + data[middle + 40 :]
    )
    (tmp_path / "a.txt.packed").write_bytes(broken)
    invoke("tag", tmp_path / "a.txt.packed").fails(1, "a.txt.packed: broken ")


@pytest.mark.parametrize("verb", ["tag", "score gold.tsv"])
def test_a_bare_terminal_gets_help(verb):
    import pty

    ours, theirs = pty.openpty()
    try:
        done = subprocess.run([*SEQ, *verb.split()], stdin=theirs, capture_output=True, timeout=30, env=ENVIRONMENT, check=False)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0
    assert done.stdout == b""
    assert done.stderr.startswith(b"Usage: seq " + verb.split()[0].encode())


def test_no_arguments_show_help():
    done = seq()
    assert (done.code, done.err) == (2, "")
    assert done.text.startswith("Usage: seq ")


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"\n\n\n", 3),
        (b"a", 1),
        (b"\n\na\n\n\nb\n\n", 7),
        (b"a\r\nb\r\n\r\nc\r", 4),
        ("a\u2028b\u0085c\x0cd\x0be\x1cf\rg\n".encode(), 1),
        (b" \t \n", 1),
    ],
)
@pytest.mark.parametrize("how", [[], ["-f", "jsonl"], ["--pretokenized"], ["--proba"], ["-f", "jsonl", "--nbest", "2"]], ids=" ".join)
def test_one_line_in_one_record_out(invoke, data, records, how):
    found = invoke("tag", *how, stdin=data)
    assert (found.code, found.err, len(found.lines)) == (0, "", records)
    assert "\r" not in "".join(found.lines).replace("\\r", "")


def test_a_byte_order_mark_is_no_text(invoke):
    assert invoke("tag", stdin=b"\xef\xbb\xbf" + LINE).out == TAGGED
    assert invoke("tag", "--input", "jsonl", "-f", "text", stdin=b'\xef\xbb\xbf"The cat sat ."\n').out == TAGGED


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_slow_pipe_has_its_answer_at_once(jobs):
    with start("tag", "-j", jobs) as running:
        for line in (LINE, b"\n", b"Hello\n", LINE * 3):
            running.stdin.write(line)
            running.stdin.flush()
            for part in line.splitlines():
                assert running.stdout.readline() == {b"": b"\n", b"Hello": b"Hello/INTJ\n"}.get(part, TAGGED)
        assert running.communicate(b"Hello", timeout=30) == (b"Hello/INTJ\n", b"")
        assert running.returncode == 0


def test_slow_treebank():
    rows = b"".join(b"%d\t%s\t_\t_\t_\t_\t_\t_\t_\t_\n" % (i, word) for i, word in enumerate(LINE.split(), 1))
    for end in (b"\n", b"\r\n"):
        with start("tag", "--input", "conllu", "-f", "text") as running:
            for _ in range(2):
                running.stdin.write(rows.replace(b"\n", end) + end)
                running.stdin.flush()
                assert running.stdout.readline() == TAGGED
            assert running.communicate(timeout=30) == (b"", b"")


pieces = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"bc", b"\n\n", b"\r"]), max_size=12).map(b"".join)


class Trickle(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, at_once: int) -> None:
        super().__init__(data)
        self.at_once = at_once

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(min(self.at_once, size or 1))


@given(pieces, st.sampled_from([b"\n", b"\n\n"]), st.integers(1, 4), st.integers(1, 5))
def test_blocks_are_whole_records_however_they_come(data, end, at_once, size):
    found = [block for block in cut(Trickle(data, at_once), "x", end, size) if block.data]
    assert b"".join(block.data for block in found) == data
    line = 1
    for block in found:
        assert block.first_line == line
        line += block.data.count(b"\n")
    for block in found[:-1]:
        assert last_end(block.data, end) == len(block.data)
    lines = [line.removesuffix("\r") for line in data.decode().split("\n")]
    assert [line for block in found for line in block.lines()] == lines[: None if data[-1:] not in {b"", b"\n"} else -1]


def test_a_record_longer_than_a_block():
    data = b"x" * 5_000_000 + b"\ny\n"
    assert [line for block in cut(io.BytesIO(data), "x", b"\n", 1 << 20) for line in block.lines()] == ["x" * 5_000_000, "y"]


# What is no text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(20), "a program"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture"),
        (b"\x89PNG", "a picture"),
        ("The cat.\n".encode("utf-16"), "UTF-16"),
        ("The cat.\n".encode("utf-16-be").join([b"\xfe\xff", b""]), "UTF-16"),
        (bz2.compress(b"The cat.\n"), "bzip2"),
        (bytes(range(0x80, 0x100)), "byte 1: not valid UTF-8 (0x80)"),
        (b"fine\nnot \xff fine\n", "line 2, byte 5: not valid UTF-8 (0xff)"),
        (b"cut \xe2\x82", "line 1, byte 5: not valid UTF-8 (0xe2)"),
        (b"surrogate \xed\xa0\x80\n", "line 1, byte 11: not valid UTF-8"),
    ],
)
def test_what_is_no_text_is_refused(invoke, tmp_path, data, said):
    file = tmp_path / "file.txt"
    file.write_bytes(data)
    for arguments in (["tag"], ["tag", "--input", "conllu"], ["tag", "--input", "jsonl"]):
        invoke(*arguments, file).fails(1, str(file), said)
    invoke("tag", stdin=data).fails(1, "<stdin>", said)
    file.write_bytes(gzip.compress(data))
    invoke("tag", file).fails(1, str(file), said)


def test_text_that_begins_like_something_else(invoke):
    assert invoke("tag", stdin=b"BZh is a name .\n%PDF is one .\n").code == 0


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_utf8_in_a_later_block(tmp_path, small, pack, jobs):
    file = tmp_path / "file"
    file.write_bytes(pack(BIG + b"caf\xc3\xa9 \xc3 x\n" + LINE))
    found = seq("tag", "-m", small, "--pretokenized", "-j", jobs, file).fails(1, f"{file}, line 90001, byte 7: not valid UTF-8 (0xc3)")
    assert len(found.lines) > 10_000  # what came before is not withheld


def test_errors_replace_goes_on(invoke):
    found = invoke("tag", "--errors", "replace", stdin=b"a \xff b\n" + LINE)
    assert found.code == 0
    assert "\ufffd/" in found.lines[0]
    assert found.lines[1] == TAGGED.decode().strip()


def test_missing_files_and_folders(invoke, tmp_path):
    (tmp_path / "notes.txt").write_bytes(LINE)
    invoke("tag", tmp_path / "note.txt").fails(1, "no such file", "did you mean 'notes.txt'?")
    invoke("tag", tmp_path / "notes.txt", tmp_path / "quite" / "else").fails(1, "no such file")
    assert invoke("tag", tmp_path / "notes.txt", tmp_path / "else").out == b""  # before the first is read
    invoke("tag", tmp_path).fails(1, "is a folder")
    invoke("tag", "").fails(1, "is a folder")
    with pytest.raises(Failure, match="no such file"):
        list(blocks([tmp_path / "nothing"]))


def test_closed_streams():
    tag = " ".join(["exec", *SEQ, "tag"])
    for redirect, said in (("<&-", "standard input is closed"), (">&-", "standard output is closed")):
        done = subprocess.run(["/bin/sh", "-c", f"{tag} {redirect}"], input=LINE, capture_output=True, env=ENVIRONMENT, check=False)
        assert done.returncode == 1
        assert said in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1
    done = subprocess.run(["/bin/sh", "-c", f"{tag} 2>&-"], input=LINE, capture_output=True, env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stdout) == (0, TAGGED)


# What goes out


@pytest.mark.parametrize("source", ['yes "The cat sat ." | head -n 200000', 'yes "The cat sat ."'])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_closed_pipe_ends_silently(source, jobs):
    command = f"{source} | {' '.join(SEQ)} tag -j {jobs} | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=30, env=ENVIRONMENT, check=False)
    assert (done.stdout, done.stderr) == (TAGGED, b"")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_closed_pipe_leaves_no_process(tmp_path, small, jobs):
    file = tmp_path / "big"
    file.write_bytes(BIG * 4)
    with start("tag", "-m", small, "--pretokenized", "-j", jobs, file, start_new_session=True) as running:
        assert running.stdout.readline()
        running.stdout.close()
        assert running.wait(30) == 0
        assert running.stderr.read() == b""
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_output_file_is_whole_or_not_at_all(tmp_path, small, jobs):
    good, bad, out = tmp_path / "good", tmp_path / "bad", tmp_path / "out" / "tagged.txt"
    out.parent.mkdir()
    good.write_bytes(BIG)
    bad.write_bytes(BIG + b"\xff\n")
    arguments = ["tag", "-m", small, "--pretokenized", "-q", "-j", jobs, "-o", out]
    seq(*arguments, bad).fails(1, "not valid UTF-8")
    assert list(out.parent.iterdir()) == []
    out.write_text("as it was")
    seq(*arguments, bad).fails(1, "not valid UTF-8")
    assert list(out.parent.iterdir()) == [out]
    assert out.read_text() == "as it was"
    found = seq(*arguments, good)
    assert (found.code, found.out, found.err) == (0, b"", "")
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes().count(b"\n") == BIG.count(b"\n")
    assert out.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("existing", [False, True])
def test_a_signal_leaves_no_part_of_an_output_file(tmp_path, number, code, existing, jobs):
    out = tmp_path / "tagged.txt"
    if existing:
        out.write_text("as it was")
    with start("tag", "-j", jobs, "-o", out, start_new_session=True) as running:
        running.stdin.write(LINE)
        running.stdin.flush()
        wait_for(lambda: any(entry.stat().st_size for entry in tmp_path.iterdir() if entry != out))
        if number == signal.SIGINT:
            os.killpg(running.pid, number)  # as a terminal does
        else:
            running.send_signal(number)
        assert running.wait(30) == code
        assert running.stdout.read() + running.stderr.read() == b""
        assert [entry.name for entry in tmp_path.iterdir()] == ["tagged.txt"] * existing
        assert not existing or out.read_text() == "as it was"
        with pytest.raises(ProcessLookupError):
            os.killpg(running.pid, 0)


def test_ignored_hang_ups_stay_ignored():
    ignore = "import signal, os, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", ignore, *SEQ, "tag"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write(LINE)
        running.stdin.flush()
        assert running.stdout.readline() == TAGGED
        running.send_signal(signal.SIGHUP)
        assert running.communicate(LINE, timeout=30)[0] == TAGGED
        assert running.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "arguments", [["tag"], ["tag", "-j", "2"], ["--help"], ["--version"], ["models"], ["models", "show", "en-pos"]], ids=" ".join
)
def test_a_full_disk(arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*SEQ, *arguments], input=LINE, stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    assert done.returncode == 1
    assert done.stderr == b"seq: cannot write the results: no space left on the device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_by_name(invoke):
    invoke("tag", "-o", "/dev/full", stdin=LINE).fails(1, "cannot write /dev/full: No space left on device")


def test_places_that_cannot_be_written(invoke, tmp_path):
    invoke("tag", "-o", tmp_path, stdin=LINE).fails(1, "is a folder")
    invoke("tag", "-o", tmp_path / "no" / "where", stdin=LINE).fails(1, f"cannot write {tmp_path / 'no' / 'where'}: No such file")
    assert list(tmp_path.iterdir()) == []


def test_output_by_special_names(invoke, tmp_path):
    assert invoke("tag", "-o", "-", stdin=LINE).out == TAGGED
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with start("tag", "-o", fifo) as running:
        running.stdin.write(LINE)
        running.stdin.close()
        assert fifo.read_bytes() == TAGGED
        assert running.wait(30) == 0


def test_output_may_be_the_input_and_a_link_stays_a_link(invoke, tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(LINE)
    link.symlink_to(file)
    assert invoke("tag", file, "-o", link).code == 0
    assert link.is_symlink()
    assert file.read_bytes() == TAGGED


def test_a_failure_while_writing_leaves_nothing(tmp_path):
    def fail():
        with Output(tmp_path / "file") as out:
            out.write(b"half")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_block_names_the_bad_byte():
    with pytest.raises(Failure, match="f, line 12, byte 3: not valid UTF-8"):
        Block(b"one\ntwo\xc3\xa9\nab\xff\n", "f", 10).lines()
    assert Block(b"ab\xff\n", "f", 10).lines("replace") == ["ab\ufffd"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdout", "stderr", "quiet"), [(False, True, False), (True, True, False), (False, False, False), (False, True, True)]
)
def test_progress_is_for_a_terminal_without_results_on_it(monkeypatch, stdout, stderr, quiet):
    screen = Terminal() if stderr else io.StringIO()
    monkeypatch.setattr(sys, "stdout", Terminal() if stdout else io.StringIO())
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(Progress, "EVERY", 0)
    source = [Block(b"x" * 1_500_000, "notes.txt", 1)] * 3
    assert list(Progress(quiet).watch(iter(source))) == source
    assert ("notes.txt: 4.5 MB" in screen.getvalue()) == (stderr and not stdout and not quiet)
    assert not screen.getvalue() or screen.getvalue().endswith("\r\x1b[K")
