"""A reference and some systems as files, and what a family says of them."""

import tempfile
from pathlib import Path

import pytest

from seqcli.errors import Failure
from seqcli.metrics import Request


def ask(family, reference, *systems, train=None, **fields):
    """The evaluations of systems, given as the text (or bytes) of files `ref`, `sys0`, `sys1` …"""
    with tempfile.TemporaryDirectory() as folder:
        texts = {"ref": reference, **{f"sys{i}": text for i, text in enumerate(systems)}}
        if train is not None:
            texts["train"] = train
            fields["train"] = [Path(folder, "train")]
        for name, text in texts.items():
            Path(folder, name).write_bytes(text if isinstance(text, bytes) else text.encode())
        paths = [Path(folder, name) for name in texts if name.startswith("sys")]
        fields["metrics"] = tuple(fields.pop("metrics", "").replace(",", " ").split())
        evaluations = family.evaluate(Request(reference=Path(folder, "ref"), systems=paths, **{"resamples": 0, **fields}))
        for evaluation in evaluations:
            object.__setattr__(evaluation, "segments", list(evaluation.segments))
        return evaluations


def scores(evaluation):
    """Every score by its name."""
    return {score.name: score.score for score in [*evaluation.headline, *evaluation.details]}


def fails(said, *arguments, error=Failure, **fields):
    """The family refuses these files with one line that says so much."""
    with pytest.raises(error) as caught:
        ask(*arguments, **fields)
    assert "\n" not in str(caught.value)
    for part in [said] if isinstance(said, str) else said:
        assert part in str(caught.value), str(caught.value)


def lines(values):
    return "".join(f"{value}\n" for value in values)
