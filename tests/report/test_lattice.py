"""The page of searches: as text, where every word is escaped and the picture says what the search did, and in a browser."""

import base64
import hashlib
import re

import pytest

from seqcli.decode.beam import BeamSearch
from seqcli.decode.generate import Found
from seqcli.decode.settings import Settings
from seqcli.decode.stepper import Table
from seqcli.decode.sweep import Point
from seqcli.decode.trace import Tracer
from seqcli.report import lattice, sweep
from seqcli.report.page import static
from tests.decode.toys import Words
from tests.report.conftest import read

WORDS = ["the", "a", "cat", "dogs", "sat", "international", "<b>&"]


def searched(seed=3, prompts=([],), **options):
    model = Words(Table.random(len(WORDS) + 1, 2, seed), WORDS)
    settings = Settings(**({"beam": 5, "nbest": 3, "max_length": 10, "min_length": 5} | options)).check()
    tracer = Tracer(len(prompts))
    found = BeamSearch(model, settings, model.text, tracer).run(prompts)
    searches = []
    for i, (hypotheses, trace) in enumerate(zip(found, tracer.traces, strict=True)):
        texts = [Found(rank, model.text(each.tokens), each) for rank, each in enumerate(hypotheses, 1)]
        searches.append(lattice.search(i + 1, model.text(prompts[i]), trace, texts, model.spell, model.end))
    return searches


def number(words):
    return float(words.replace("−", "-"))


def test_a_trace_is_the_search():
    (search,) = searched()
    nodes, steps = search.trace.nodes, search.trace.steps()
    assert [len([i for i in step if nodes[i].fate == "kept"]) for step in steps[:-1]][1:] == [5] * (len(steps) - 2)
    for each, node in enumerate(nodes):
        path = search.trace.path(each)
        assert node.log_prob == pytest.approx(sum(nodes[i].gain for i in path))
        assert [nodes[i].step for i in path] == list(range(1, node.step + 1))
        assert node.parent < 0 or nodes[node.parent].fate == "kept"
    for way in search.ways:
        assert nodes[way.nodes[-1]].log_prob == pytest.approx(way.log_prob)
        assert len(way.nodes) == len(way.text.split()) + way.ended
        assert (nodes[way.nodes[-1]].fate == "ended") == way.ended
    for step in steps:
        kept = [nodes[i].score for i in step if nodes[i].fate == "kept"]
        dropped = [nodes[i].score for i in step if nodes[i].fate == "dropped"]
        assert not kept or not dropped or min(kept) >= max(score for score in dropped) or any(nodes[i].token == 0 for i in step)


def test_the_picture_is_the_trace():
    (search,) = searched()
    root = read(lattice.page("toy", [search]))
    (picture,) = root.all("svg", class_="beam")
    drawn = {int(node.attributes["data-node"] or -1): node for node in picture.all("g", class_="node")}
    assert drawn.keys() == set(range(len(search.trace.nodes)))
    boxes = []
    for each, node in enumerate(search.trace.nodes):
        group = drawn[each]
        (line,) = picture.all("path", data_node=str(each))
        assert line.has("class_", node.fate)
        assert group.has("class_", node.fate)
        assert group.has("class_", "winner") == (each in search.ways[0].nodes)
        assert number(group.all("text", class_="gain")[0].text) == pytest.approx(node.gain, abs=0.006)
        assert group.attributes.get("data-parent") == (str(node.parent) if node.parent >= 0 else None)
        (box,) = group.all("rect")
        x, y, wide, high = (float(box.attributes[key] or 0) for key in ("x", "y", "width", "height"))
        boxes.append((x, y, x + wide, y + high))
        if node.parent >= 0:
            assert boxes[node.parent][2] + 60 < x  # room for the line and its number
    wide, high = (float(picture.attributes[key] or 0) for key in ("width", "height"))
    assert all(left >= 0 and right <= wide and top >= 0 and bottom <= high for left, top, right, bottom in boxes)
    for i, a in enumerate(boxes):
        assert all(a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for b in boxes[i + 1 :])
    assert wide < 2200  # ten steps
    rows = root.all("table", class_="ways")[0].all("tbody")[0].all("tr")
    assert [row.all("td")[1].all("bdi")[0].text for row in rows] == [way.text for way in search.ways]
    assert [row.attributes["data-nodes"] for row in rows] == [" ".join(map(str, way.nodes)) for way in search.ways]


def test_nothing_is_loaded_and_everything_is_escaped():
    page = lattice.page("<i>toy", searched(prompts=([7], [1, 2])))
    assert "<b>" not in re.sub(r"<bdi>|</b>", "", page)
    assert "<i>" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    (policy,) = re.findall(r"script-src 'sha256-([^']+)'", page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() == policy
    assert page == lattice.page("<i>toy", searched(prompts=([7], [1, 2])))
    assert "There is nothing to show." in lattice.page("toy", [])


def test_long_searches_are_cut():
    (search,) = searched(max_length=70, min_length=60)
    page = lattice.page("toy", [search])
    assert re.search(r"The first 40 of 70 steps\.", page)
    assert max(int(node.text) for node in read(page).all("svg", class_="beam")[0].all("text", class_="small")) == 40


def test_pointing(chromium):
    script = """
    const on = () => [...document.querySelectorAll(".beam .node.on")].map((node) => Number(node.dataset.node)).sort((a, b) => a - b);
    const results = [];
    for (const row of document.querySelectorAll(".ways tbody tr")) {
      row.dispatchEvent(new Event("mouseenter")); results.push(on()); row.dispatchEvent(new Event("mouseleave")); results.push(on());
    }
    const last = [...document.querySelectorAll(".beam .node")].find((node) => node.dataset.node === "20");
    last.dispatchEvent(new Event("mouseenter")); results.push(on());
    const text = document.querySelector(".beam .gain"), box = document.querySelector(".beam rect");
    return { results, size: getComputedStyle(text).fontSize, stroke: getComputedStyle(box).strokeWidth };"""
    (search,) = searched()
    shown = chromium(lattice.page("toy", [search]), script)
    assert not shown.console
    results = shown.results["results"]
    assert results[0::2][:3] == [sorted(way.nodes) for way in search.ways]
    assert results[1] == []
    assert results[6] == sorted(search.trace.path(20))
    assert shown.results["size"] == "10.5px"


def test_the_script_is_plain():
    assert "innerHTML" not in static("lattice.js")
    assert "http" not in static("lattice.js")


POINTS = [
    Point(1, 0.5, -10.0, -1.0, 9.0, 20.0, 40.0, 0.5),
    Point(2, 0.8, -9.0, -0.9, 9.5, 22.0, 42.0, 0.25),
    Point(8, 2.0, -8.5, -0.88, 9.25, 21.0, 41.0, 0.0),
]


def test_the_page_of_a_sweep():
    page = sweep.page("toy", 100, POINTS)
    root = read(page)
    charts = root.all("svg", class_="width")
    assert len(charts) == 7
    assert [title.text for title in charts[0].all("title")] == ["beam 1: 20.000", "beam 2: 22.000", "beam 8: 21.000"]
    assert [title.text for title in charts[2].all("title")] == ["beam 1: 50.000 %", "beam 2: 25.000 %", "beam 8: 0.000 %"]
    assert len(charts[0].all("line", class_="s0")) == 2
    rows = root.all("table", class_="values")[0].all("tbody")[0].all("tr")
    assert [[cell.text for cell in row.all("td")][:2] for row in rows] == [["1", "20.00"], ["2", "22.00"], ["8", "21.00"]]
    plain = [Point(1, 0.5, -10.0, -1.0, 9.0)]
    assert len(read(sweep.page("toy", 1, plain)).all("svg", class_="width")) == 4


def test_a_sweep_in_a_browser(chromium):
    shown = chromium(sweep.page("toy", 100, POINTS))
    assert not shown.console
