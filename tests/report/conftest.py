"""A small comparison, a reader of pages, and a browser where the machine has one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli.report.comparison import EDGES, LENGTH_LABELS, Comparison, CorpusScore, Example, Histogram, Lengths, MetricColumn

BROWSERS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom")
VOID = {"meta", "input", "br", "link", "img", "hr"}
METRICS = (MetricColumn("BLEU", "case:mixed|tok:13a"), MetricColumn("TER", "case:lc", lower_is_better=True))


def compare(
    texts: Sequence[tuple[Sequence[str], Sequence[str]]],
    by_segment: Any = None,
    systems: Sequence[str] = ("base", "new"),
    metrics: Sequence[MetricColumn] = METRICS,
    **changes: Any,
) -> Comparison:
    """A comparison of segments, each its references and its hypotheses; scores (B, S, M) are drawn where none are given."""
    B, S, M = len(texts), len(systems), len(metrics)
    drawn = np.random.default_rng(7).uniform(0, 100, (B, S, M)).round(2)
    each = drawn if by_segment is None else np.asarray(by_segment, float).reshape(B, S, M)
    histogram = Histogram(S, M)
    histogram.add(each)
    lengths = Lengths([B if k == 1 else 0 for k in range(len(LENGTH_LABELS))], np.full((S, M, len(LENGTH_LABELS)), 30.0))
    examples = [Example(i + 1, *text, each[i]) for i, text in enumerate(texts)]
    values: dict[str, Any] = {
        "title": "a test set", "systems": systems, "metrics": metrics, "histograms": histogram.counts, "lengths": lengths,
        "scores": [[CorpusScore(30.0 + s, 28.0 + s, 33.0 + s, 0.02 if s else float("nan")) for _ in metrics] for s in range(S)],
        "examples": examples, "segments": B,
    }  # fmt: skip
    assert histogram.counts.shape == (S, M, len(EDGES))
    return Comparison(**(values | changes))


@dataclass
class Node:
    """An element of a parsed page."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", **attributes: str | None) -> list[Node]:
        """Those below that have the tag and the attributes, in order; `class_` is one class of many."""
        found: list[Node] = []
        for child in self.children:
            if isinstance(child, Node):
                if tag in {"", child.tag} and all(child.has(key, value) for key, value in attributes.items()):
                    found.append(child)
                found += child.all(tag, **attributes)
        return found

    def has(self, key: str, value: str | None) -> bool:
        actual = self.attributes.get(key.rstrip("_").replace("_", "-"))
        return value in (actual or "").split() if key == "class_" else actual == value


class Reader(HTMLParser):
    """Reads a page into nodes, and insists that every element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.open = [self.root]
        self.feed(page)
        self.close()
        assert [node.tag for node in self.open] == [""]

    def handle_starttag(self, tag, attrs):
        node = Node(tag, dict(attrs))
        assert len(node.attributes) == len(attrs), f"an attribute twice in <{tag}>"
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


def read(page: str) -> Node:
    return Reader(page).root


@dataclass(frozen=True)
class Shown:
    """A page as a browser has it once its scripts have run."""

    root: Node
    console: list[str]
    results: Any  # what the script of the test returned

    def segments(self) -> list[Node]:
        """The segments that can be seen, in order."""
        return [node for node in self.root.all("article") if "hidden" not in node.attributes]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shown]:
    """Opens a page in a browser without a window; runs a test's script in it, the body of a function, if one is given."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not program:
        pytest.skip("no chromium or google-chrome on PATH")
    folder = tmp_path_factory.mktemp("chromium")

    def show(page: str, script: str = "") -> Shown:
        if script:
            assert page.count('http-equiv="Content-Security-Policy"') == 1
            page = page.replace('http-equiv="Content-Security-Policy"', 'name="was-policy"', 1)
            run = f"const result = (() => {{{script}}})(); const shown = document.createElement('pre'); shown.id = 'test-result';"
            page = page.replace(
                "</body>", f"<script>{run} shown.textContent = JSON.stringify(result); document.body.append(shown)</script></body>"
            )
        path: Path = folder / "page.html"
        path.write_text(page, encoding="utf-8", newline="")
        done = subprocess.run(
            [program, *FLAGS, f"--user-data-dir={folder / 'profile'}", path.as_uri()], capture_output=True, timeout=120, check=True
        )
        root = read(done.stdout.decode())
        results = [json.loads(node.text) for node in root.all("pre", id="test-result")]
        assert bool(results) == bool(script), done.stderr.decode()
        return Shown(root, [line for line in done.stderr.decode().split("\n") if "CONSOLE" in line], results[0] if results else None)

    return show
