"""Metrics for labels and values: one file a kind of output, each a family of `seq score`.

`classes` (a label a line), `values` (numbers a line), `spans` (named entities and the like, from tags), `squad` (answers
to questions) and `glue` (the tasks of that benchmark, and their mean). `reading` brings the columns of a file, `scoring`
turns sums of statistics into scores with intervals, and `schemes` says where spans begin and end.
"""

from __future__ import annotations

from pathlib import Path

from seqcli.data.blocks import blocks


def holds_labels(path: Path) -> bool:
    """Whether a file has one column, so that `accuracy` is meant of its lines and not of tagged words.

    Standard input cannot be looked into twice: False.
    """
    if str(path) == "-":
        return False
    first = next((block for block in blocks([path]) if block.data), None)
    return first is not None and b"\t" not in first.data
