"""What a training says of itself."""

import sys

import pytest

from seqcli.training.progress import Progress, Status


def test_a_status_in_words():
    status = Status(1200, 3, 1.23456, 8123.4, "tokens", 0.5, 130.0, "dev accuracy 0.91")
    assert str(status) == "epoch 3, step 1,200, loss 1.2346, dev accuracy 0.91, 8,123 tokens/s, 2 min left"
    assert str(Status(1, 1, None, 0.0)) == "epoch 1, step 1"


def test_in_a_log_it_tells_lines():
    lines: list[str] = []
    with Progress(lines.append) as progress:
        progress.tell("one")
        progress.show(Status(1, 1, 2.0, 10.0))
    assert lines == ["one", "epoch 1, step 1, loss 2.0000, 10 tokens/s"]


def test_quiet_it_says_nothing():
    lines: list[str] = []
    with Progress(lines.append, quiet=True) as progress:
        progress.tell("one")
        assert not progress.due
    assert lines == []


def test_on_a_terminal_a_line_moves(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with Progress(lambda line: print(line, file=sys.stderr)) as progress:
        progress.show(Status(7, 1, 2.0, 10.0, done=0.5))
        progress.tell("a line that stays")
    said = capsys.readouterr().err
    assert "step 7" in said
    assert "a line that stays" in said


@pytest.mark.parametrize("done", [None, 0.0, 1.0])
def test_how_far_need_not_be_known(done, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(print) as progress:
        progress.show(Status(7, 1, 2.0, 10.0, done=done))
