"""`seq` with numbers is coreutils' `seq`."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from seqcli import __main__ as program
from tests.conftest import ROOT, SEQ, seq

OTHER = next(program.others(), None)
needs_other = pytest.mark.skipif(OTHER is None, reason="no other seq on PATH")
LINES = [
    ["1", "10"],
    ["-w", "8", "10"],
    ["-s,", "1", "2", "9"],
    ["0x1", "3"],
    ["-f", "%g.txt", "2"],
    ["-5", "-1"],
    ["--separator=:", "3"],
    ["1e0", "3"],
    ["--sep", "; ", "--equal-width", "7", "2", "12"],
    ["-ws", "-", "--", "-2", "1"],
    ["10", "-2.5", "-.5"],
    ["nan"],
    ["1", "0", "3"],
    ["-f", "%d", "3"],
    ["3", "1"],
]


def ours(folder: Path) -> Path:
    """A console script such as pip writes, in a new folder."""
    folder.mkdir(exist_ok=True)
    script = folder / "seq"
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom seqcli.__main__ import main\nmain()\n")
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    return folder


def shell(command: str, *folders: Path, path: str = os.environ["PATH"], **more: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PATH": os.pathsep.join([*map(str, folders), path])} | more
    return subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, timeout=30, check=False)


@needs_other
@pytest.mark.parametrize("arguments", LINES, ids=" ".join)
def test_numbers_count_as_ever(arguments):
    assert OTHER is not None
    theirs = subprocess.run([OTHER, *arguments], capture_output=True, text=True, check=False)
    found = seq(*arguments)
    assert (found.code, found.text) == (theirs.returncode, theirs.stdout)
    assert found.err.count("\n") == theirs.stderr.count("\n")


@needs_other
def test_in_a_script(tmp_path):
    done = shell('for i in $(seq -w 9 11); do printf "%s " "$i"; done; echo $(seq 3)', ours(tmp_path / "bin"))
    assert (done.stdout, done.stderr) == ("09 10 11 1 2 3\n", "")


@needs_other
def test_installed_script():
    script = Path(sys.executable).with_name("seq")
    if not script.exists():
        pytest.skip("not installed")
    assert shell("echo $(seq 2 2 6)", script.parent).stdout == "2 4 6\n"


@needs_other
def test_copies_of_ourselves_do_not_call_each_other(tmp_path):
    done = shell("seq 2", ours(tmp_path / "a"), ours(tmp_path / "b"), ours(tmp_path / "a"))
    assert (done.stdout, done.stderr, done.returncode) == ("1\n2\n", "", 0)


@needs_other
def test_a_shim_that_leads_back_here_is_tried_once(tmp_path):
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "seq").write_text(f'#!/bin/sh\nPATH={tmp_path / "a"}:$PATH exec {tmp_path / "a"}/seq "$@"\n')
    (shims / "seq").chmod(0o755)
    ours(tmp_path / "a")
    done = shell("seq 2", shims)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n2\n", "", 0)


def test_none_on_path(tmp_path):
    done = shell("seq 1 10", ours(tmp_path / "bin"), ours(tmp_path / "copy"), path="/nonexistent")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "coreutils" in done.stderr


def test_a_file_that_is_no_program_is_passed_over(tmp_path):
    (tmp_path / "seq").write_bytes(b"\x00\x01\x02 no program")
    (tmp_path / "seq").chmod(0o755)
    done = shell("seq 1 3", ours(tmp_path / "bin"), tmp_path, path="/nonexistent")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_nothing_is_loaded_before_hand_over(tmp_path):
    probe = (
        "import sys, os\n"
        "def execv(path, arguments):\n"
        "    heavy = {'typer', 'click', 'numpy', 'torch', 'rich', 'argparse', 'seqcli.cli'} & set(sys.modules)\n"
        "    print(path, arguments, sorted(heavy))\n"
        "    raise SystemExit(0)\n"
        "os.execv = execv\n"
        "sys.argv[1:] = ['-w', '1', '10']\n"
        "from seqcli.__main__ import main\n"
        "main()\n"
    )
    (tmp_path / "seq").write_text("#!/bin/sh\n")
    (tmp_path / "seq").chmod(0o755)
    environment = os.environ | {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'seq'} ['seq', '-w', '1', '10'] []\n"


@pytest.mark.parametrize(
    "line", ["tag 1", "", "--help", "-w", "-x 1", "one", "1_0", "0xg", "tag -f text", "1 two", "f", "--equal-width=1 2"]
)
def test_everything_else_is_ours(line):
    assert not program.counts(line.split())


def test_verbs_need_no_other_seq():
    done = subprocess.run([*SEQ, "--version"], env=os.environ | {"PATH": "/nonexistent"}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("seq ")
