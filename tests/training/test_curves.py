"""The page of a training's curves."""

import re
from typing import Any

import pytest

from seqcli.errors import Failure
from seqcli.training import curves, journal

ENTRIES: list[dict[str, Any]] = [
    *({"step": step, "loss": 100 / step, "rate": 1e-3, "gradient_norm": None} for step in range(50, 2001, 50)),
    *({"step": step, "dev": {"loss": 120 / step, "<accuracy>": step / 2000}} for step in (500, 1000, 2000)),
]


def test_a_chart_for_each_number():
    found = {chart.name: list(chart.series) for chart in curves.charts_of(ENTRIES)}
    assert found == {"loss": ["train", "dev"], "<accuracy>": ["dev"], "learning rate": ["train"]}


def test_the_page_needs_nothing_else():
    page = curves.page(ENTRIES, "A & B")
    assert "A &amp; B" in page
    assert "&lt;accuracy&gt;" in page
    assert "<accuracy>" not in page
    assert "2,000 steps" in page
    assert not re.search(r"https?://(?!www.w3.org)|<script|@import|url\(", page)
    places = [float(number) for path in re.findall(r'class="curve" d="M([^"]*)"', page) for number in re.split("[ L]", path)]
    assert len(places) > 80
    assert all(-0.01 <= place <= 100.01 for place in places)


@pytest.mark.parametrize("entries", [[], [{"step": 0, "dev": {"accuracy": 0.5}}], [{"step": 3, "loss": 1.0}]], ids=len)
def test_little_to_show(entries):
    assert curves.page(entries, "little").startswith("<!doctype html>")


def test_drawn_from_a_folder(tmp_path):
    found = journal.Journal(tmp_path)
    for entry in ENTRIES:
        found.write(entry)
    path = curves.draw(tmp_path, tmp_path / "plots", "mine")
    assert path.read_text() == curves.page(ENTRIES, "mine")
    with pytest.raises(Failure, match=r"cannot read .*journal.jsonl"):
        curves.draw(tmp_path / "plots", tmp_path, "none")


def test_a_broken_journal_is_named(tmp_path):
    (tmp_path / journal.NAME).write_text('{"step": 1}\n{"st\n')
    with pytest.raises(Failure, match=r"journal.jsonl, line 2"):
        curves.draw(tmp_path, tmp_path, "broken")
