"""How the tests run the program: in this process where only results count, as a process of its own where streams do."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from seqcli.cli import run

settings.register_profile("seq", deadline=None, derandomize=True)  # the same tests every time, on any machine
settings.load_profile("seq")

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_data"
QUICK = ("--set", "epochs=3", "--set", "batch=4", "--set", "rate=0.1")  # a CRF in a second
SEQ = (sys.executable, "-m", "seqcli")
for number in (signal.SIGINT, signal.SIGHUP):  # a shell's background has them ignored, and so would the programs that we start
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run side by side; and the same thread count is the same model
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        assert not self.out or self.out.endswith(b"\n")
        return self.text.split("\n")[:-1]

    def fails(self, code: int, *said: str) -> Result:
        """It failed with one clear line that says so much."""
        assert self.code == code, self
        line = self.err.removesuffix("\n")
        assert line.startswith("seq"), self.err
        assert "\n" not in line, self.err
        assert "Traceback" not in line
        for part in said:
            assert part in line, (part, line)
        return self


def seq(*arguments: object, stdin: bytes | None = b"", **options: object) -> Result:
    """The program as a process of its own."""
    done = subprocess.run(  # type: ignore[call-overload]
        [*SEQ, *map(str, arguments)],
        input=stdin,
        check=False,
        **{"capture_output": True, "timeout": 120, "env": ENVIRONMENT, **options},
    )
    return Result(done.returncode, done.stdout or b"", (done.stderr or b"").decode())


@pytest.fixture
def invoke(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The program in this process: `invoke("tag", "-f", "tsv", stdin=b"Hello\\n")`."""

    def call(*arguments: object, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        capfdbinary.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Result(code, out, err.decode())

    return call


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CRF that knows little: the folder of a model trained on the sample data."""
    path = tmp_path_factory.mktemp("models") / "small"
    done = seq("train", "crf", "--train", SAMPLES / "tags.train.conllu", "-o", path, "-q", *QUICK)
    assert done.code == 0, done.err
    return path
