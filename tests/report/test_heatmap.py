"""Weights as a picture: every cell has its shade, labels have room, and the same picture gives the same bytes."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.report import heatmap
from seqcli.report.heatmap import CELL, LEVELS, STEPS, Looked, frame, mean, outlines, shades
from seqcli.report.scatter import width
from tests.report.test_page import HOSTILE
from tests.report.test_vectors import pixels

SVG = "{http://www.w3.org/2000/svg}"
RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\3z")


def invented(T=5, S=4, layers=2, heads=3, seed=0, line=1, sharp=2.0):
    """A sentence with weights that were drawn."""
    logits = sharp * np.random.default_rng(seed).normal(size=(layers, heads, T, S))
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    source, target = [*(f"▁s{i}" for i in range(S - 1)), "</s>"], [*(f"▁t{i}" for i in range(T - 1)), "</s>"]
    return Looked(line, f"source {line}", f"target {line}", source, target, weights.astype(np.float32))


def cells(paths, T, S):
    """The shades that paths draw, (T, S); no cell is drawn twice."""
    drawn = np.zeros((T, S), np.int64)
    for level, path in enumerate(paths, 1):
        runs = list(RUN.finditer(path))
        assert "".join(run[0] for run in runs) == path
        for run in runs:
            s, t, count = map(int, run.groups())
            assert not drawn[t, s : s + count].any()
            drawn[t, s : s + count] = level
    return drawn


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000), st.sampled_from([0.0, 1.0, 5.0]))
def test_paths_are_the_weights(T, S, seed, sharp):
    weights = mean(invented(T, S, seed=seed, sharp=sharp))
    drawn = cells(outlines(weights), T, S)
    assert np.array_equal(drawn, shades(weights))
    assert (np.abs(drawn / LEVELS - np.sqrt(weights)) <= 0.5 / LEVELS + 1e-9).all()


def test_means():
    looked = invented(layers=2, heads=3)
    assert np.allclose(mean(looked, None, None), looked.weights.mean((0, 1)), atol=1 / STEPS)
    assert np.allclose(mean(looked, 0, None), looked.weights[0].mean(0), atol=1 / STEPS)
    assert np.allclose(mean(looked, None, 2), looked.weights[:, 2].mean(0), atol=1 / STEPS)
    assert heatmap.title(looked, None, 2) == "Line 1, mean of 2 layers, head 3"
    assert heatmap.title(invented(layers=1, heads=1), -1, None) == "Line 1"


def test_labels_lie_in_the_picture():
    looked = Looked(1, "", "", ["W" * 50, "", "a b\n", "</s>"], ["i", "word", "W" * 22], np.full((1, 1, 3, 4), 0.25))
    assert [heatmap.label(token) for token in looked.source] == ["W" * 21 + "…", "∅", "a▁b\\n", "</s>"]
    at = frame(looked)
    for t, token in enumerate(looked.target):
        x, y = heatmap.row(at, t)
        assert x - width(heatmap.label(token)) >= 0
        assert at.top + CELL * t < y < at.top + CELL * (t + 1)
    for s, token in enumerate(looked.source):
        x, y = heatmap.column(at, s)
        long = width(heatmap.label(token))
        assert y - long * np.sin(heatmap.SLOPE) >= 0
        assert x + long * np.cos(heatmap.SLOPE) <= at.wide
        assert y < at.top


def test_an_svg_holds_the_picture():
    looked = invented()
    root = ET.fromstring(heatmap.svg(looked, 1, 2))
    paths = [node.attrib for node in root.iter(f"{SVG}path")]
    assert [float(each["fill-opacity"]) for each in paths] == [round(level / LEVELS, 2) for level in range(1, LEVELS + 1)]
    assert np.array_equal(cells([each["d"] for each in paths], 5, 4), shades(mean(looked, 1, 2)))
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert texts == ["Line 1, layer 2, head 3", *looked.source, *looked.target]
    assert heatmap.svg(looked) == heatmap.svg(invented())
    assert heatmap.svg(looked) != heatmap.svg(looked, 0)
    hostile = Looked(1, HOSTILE[0], "", [*HOSTILE, "\x00\ufffe\ud800"], HOSTILE, np.full((1, 1, len(HOSTILE), len(HOSTILE) + 1), 0.1))
    assert {node.tag for node in ET.fromstring(heatmap.svg(hostile)).iter()} == {node.tag for node in root.iter()}


def test_a_png():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'seqcli[plot]'")
    looked = invented(line=3)
    data = heatmap.png(looked)
    assert data == heatmap.png(looked)
    assert pixels(data)[:2] != (0, 0)
    assert len(np.unique(pixels(data)[2])) > 50
    heatmap.png(Looked(1, "$x$", "", ["$a_b$", "\ufffe\x00"], ["王国"], np.full((1, 1, 1, 2), 0.5)))
