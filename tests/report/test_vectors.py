"""Pictures of words: what lies where, the file forms, and the page in a browser."""

import base64
import builtins
import hashlib
import itertools
import re
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.errors import Failure, UsageFailure
from seqcli.report import scatter, svg
from seqcli.report.page import static
from seqcli.report.scatter import HEIGHT, LETTER, MARGIN, WIDTH, Picture, along, arrow, layout, overlap, width
from seqcli.report.vectors import draw, form, page, render
from tests.conftest import ENVIRONMENT
from tests.report.conftest import BROWSERS, FLAGS, read
from tests.report.test_page import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
seeds = st.integers(0, 10_000)


def picture(N=30, groups=3, seed=0, arrows=((0, 1), (2, 3)), words=None):
    """N words in a few clusters."""
    rng = np.random.default_rng(seed)
    words = words or [f"word{i}" for i in range(N)]
    kinds = [i % groups for i in range(N)]
    places = 4 * rng.normal(size=(groups, 2))[kinds] + rng.normal(size=(N, 2))
    near = [[(words[(i + 1) % N], 0.75), ("elsewhere", 0.5)] for i in range(N)]
    return Picture("A picture", "by hand", words, places, kinds, [f"group {k}" for k in range(groups)], arrows, near)


def boxes(drawn, laid):
    """The labels' boxes, (n, 4)."""
    found = []
    for word, point, label in zip(drawn.words, laid.points, laid.labels, strict=True):
        if label:
            wide = width(word) + 2
            left = point[0] + label.dx - {"start": 0, "middle": wide / 2, "end": wide}[label.anchor]
            top = point[1] + label.dy - 0.8 * (LETTER + 1)
            found.append([left, top, left + wide, top + LETTER + 1])
    return np.array(found).reshape(-1, 4)


@settings(max_examples=25)
@given(seeds, st.integers(3, 150))
def test_labels_lie_in_the_frame_and_not_over_each_other(seed, N):
    drawn = picture(N, seed=seed, arrows=())
    laid = layout(drawn)
    found = boxes(drawn, laid)
    tight = found + np.array([0.1, 0.1, -0.1, -0.1])  # offsets are rounded
    assert not (overlap(tight, tight) & ~np.eye(len(found), dtype=bool)).any()
    assert (found[:, :2] >= -0.1).all()
    assert (found[:, 2:] <= np.array([WIDTH, HEIGHT]) + 0.1).all()
    if N <= 12:
        assert None not in laid.labels  # there is room


@given(seeds, st.integers(2, 60))
def test_points_are_to_scale(seed, N):
    places = np.random.default_rng(seed).normal(size=(N, 2))
    points = scatter.fit(places)
    inner = np.array([[MARGIN, MARGIN], [WIDTH - MARGIN, HEIGHT - MARGIN]])
    assert (points >= inner[0] - 1e-6).all()
    assert (points <= inner[1] + 1e-6).all()
    assert np.isclose(np.ptp(points, axis=0), np.diff(inner, axis=0)[0]).any()  # as large as it can be
    scale = np.linalg.norm(points[1] - points[0]) / np.linalg.norm(places[1] - places[0])
    assert np.allclose((points - points[0]) * [1, -1], scale * (places - places[0]))


def test_points_that_are_one():
    assert scatter.fit(np.ones((3, 2))).tolist() == [[WIDTH / 2, HEIGHT / 2]] * 3
    assert scatter.fit(np.zeros((0, 2))).shape == (0, 2)
    assert np.allclose(scatter.fit(np.array([[0.0, 1.0], [2.0, 1.0]])), [[MARGIN, HEIGHT / 2], [WIDTH - MARGIN, HEIGHT / 2]])


def test_words_of_arrows_have_labels_before_others():
    words = [f"word{i}" for i in range(200)]
    drawn = Picture("", "", words, np.random.default_rng(0).normal(size=(200, 2)) ** 3, [0] * 200, [""], [(198, 199)])
    laid = layout(drawn)
    assert laid.labels[198]
    assert laid.labels[199]
    assert None in laid.labels


@given(st.tuples(*[st.floats(0, 500)] * 4))
def test_arrows(ends):
    tail, tip = np.array(ends[:2]), np.array(ends[2:])
    found = arrow(tail, tip)
    length = np.linalg.norm(tip - tail)
    assert bool(found) == (length >= 24)
    if found:
        drawn = np.array(found)
        assert np.isclose(np.linalg.norm(drawn[0] - tail), 7)
        assert np.isclose(np.linalg.norm(drawn[1] - tip), 8)
        assert np.isclose(np.linalg.norm(drawn[2] - drawn[1]), np.linalg.norm(drawn[3] - drawn[1]))
        steps = np.linalg.norm(np.diff(along(found[0], found[1]), axis=0), axis=1)
        assert steps.max() <= 6.001


def test_widths():
    assert width("") == 0
    assert width("a\u0301\u200d") == width("a")
    assert width("iii") < width("nnn") < width("MMM")


def test_drawing():
    rng = np.random.default_rng(0)
    words, vectors = [f"w{i}" for i in range(20)], rng.normal(size=(20, 5)).astype(np.float32)
    by_pca = draw("t", words, vectors, groups=["a", "", "b", ""] * 5, arrows=[("w1", "w0")])
    assert (by_pca.names, by_pca.groups[:4], by_pca.arrows) == (["a", "other", "b"], [0, 1, 2, 1], [(1, 0)])
    assert np.allclose(draw("t", words, 3 * vectors).places, by_pca.places, atol=1e-5)  # lengths do not count
    assert re.fullmatch(r"principal components: \d+ % and \d+ % of the variance", by_pca.about)
    told = []
    by_tsne = draw("t", words, vectors, "tsne", perplexity=5, seed=3, watch=lambda step, value: told.append(value))
    assert by_tsne.about == f"t-SNE of perplexity 5: divergence {told[-1]:.2f}"
    assert by_tsne.names == [""]
    with pytest.raises(UsageFailure, match="did you mean 'tsne'"):
        draw("t", words, vectors, "tsn")
    with pytest.raises(Failure, match="no word to draw"):
        draw("t", [], vectors[:0])
    with pytest.raises(Failure, match="an arrow goes to 'w20'"):
        draw("t", words, vectors, arrows=[("w0", "w20")])
    assert np.isfinite(draw("t", words, 0 * vectors).places).all()
    assert draw("t", words[:1], vectors[:1]).places.shape == (1, 2)


def test_forms():
    drawn = picture()
    assert [form(Path(f"a.{kind}")) for kind in ("html", "SVG", "png")] == [".html", ".svg", ".png"]
    for name in ("a.pdf", "svg", "-"):
        with pytest.raises(UsageFailure, match=r"a picture is \.html, \.svg or \.png"):
            form(Path(name))
    assert render(drawn, ".html") == page(drawn).encode()
    assert render(drawn, ".svg") == svg.svg(drawn).encode()


@given(seeds)
@settings(max_examples=10)
def test_an_svg_holds_the_whole_picture(seed):
    drawn = picture(seed=seed)
    root = ET.fromstring(svg.svg(drawn))
    assert root.tag == f"{SVG}svg"
    titles = [node.text for node in root.iter(f"{SVG}title")]
    assert titles[0] == "A picture"
    assert titles[1:] == [
        f"{word} ({drawn.names[group]}): {', '.join(f'{near} {cosine:.2f}' for near, cosine in neighbours)}"
        for word, group, neighbours in zip(drawn.words, drawn.groups, drawn.neighbours, strict=True)
    ]
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert texts[:4] == ["A picture", "group 0", "group 1", "group 2"]
    assert texts[4:-1] == [word for word, label in zip(drawn.words, layout(drawn).labels, strict=True) if label]
    missing = layout(drawn).labels.count(None)
    assert texts[-1] == "by hand" + (f". {missing} label{'s' * (missing > 1)} left out for want of room" if missing else "")
    assert float(root.attrib["height"]) > HEIGHT
    assert not [node for node in root.iter() if node.tag in {f"{SVG}script", f"{SVG}use", f"{SVG}image"}]


@pytest.mark.parametrize("make", [svg.svg, page])
def test_same_picture_same_bytes(make):
    assert make(picture()) == make(picture())
    assert make(picture()) != make(picture(seed=1))


def hostile():
    """A picture in which every text is meant to break out."""
    words = [*HOSTILE, "\x00\ufffe\uffff\ud800"]
    near = [[(words[i - 1], -0.5)] for i in range(len(words))]
    places = np.random.default_rng(0).normal(size=(len(words), 2))
    return Picture(HOSTILE[0], HOSTILE[2], words, places, list(range(len(words))), words, [(0, 1)], near)


def test_hostile_words_stay_words():
    drawn = hostile()
    root = ET.fromstring(svg.svg(drawn))
    N = len(drawn.words)
    harmless = Picture("t", "a", [f"w{i}" for i in range(N)], drawn.places, drawn.groups, [f"g{i}" for i in range(N)], [(0, 1)])
    plain = ET.fromstring(svg.svg(harmless))
    assert {node.tag for node in root.iter()} == {node.tag for node in plain.iter()}
    assert (list(root.iter(f"{SVG}title"))[1].text or "").startswith(HOSTILE[0])
    found = read(page(drawn))
    assert len(found.all("script")) == 1
    assert not found.all("img")
    assert not [key for node in found.all() for key in node.attributes if key.startswith("on")]
    rows = [row for row in found.all("tr") if row.all("td")]
    assert [row.all("bdi")[0].text for row in rows][: len(HOSTILE)] == list(HOSTILE)


def test_the_page_needs_nothing_else():
    text = page(picture())
    root = read(text)
    (script,) = root.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = [node.attributes["content"] for node in root.all("meta") if "http-equiv" in node.attributes]
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not [node for node in root.all() if {"src", "srcset", "action"} & node.attributes.keys()]
    assert all((node.attributes.get("href") or "#").startswith("#") for node in root.all())
    assert "url(" not in text
    assert "@import" not in text
    assert len(static("vectors.js")) < 16_000
    assert len(text) < 60_000


def test_the_table_tells_all():
    drawn = picture()
    root = read(page(drawn))
    rows = [row for row in root.all("tr") if row.all("td")]
    assert [row.all("bdi")[0].text for row in rows] == drawn.words
    assert [span.text for span in rows[0].all("span")] == ["word1 0.75", "elsewhere 0.50"]
    assert [row.all("td", class_="group")[0].text for row in rows][:3] == drawn.names
    bare = read(page(Picture("", "", ["a"], np.zeros((1, 2)), [0], [""])))
    assert [node.text for node in bare.all("th")] == ["word", "a"]
    assert not bare.all("ul", class_="legend")
    assert bare.all("title")[0].text == "Words"


def test_colours_are_those_of_the_page():
    css = static("comparison.css")
    light, dark = (re.findall(r"--s\d: (#\w+)", part) for part in css.split("@media", 1))
    assert (tuple(light), tuple(dark[:8])) == (svg.LIGHT, svg.DARK)
    for variable, values in {"ground": svg.GROUND, "ink": svg.INK, "soft": svg.SOFT}.items():
        assert tuple(re.findall(rf"--{variable}: (#\w+)", css)) == values


def test_no_matplotlib(monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: builtins.__import__(f"no_{name}"))
    with pytest.raises(Failure, match=r"matplotlib, which is not installed \(pip install 'seqcli\[plot\]'"):
        render(picture(), ".png")


def pixels(data):
    """A PNG as an array (H, W, channels)."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IHDR":
            wide, high, depth, color = struct.unpack(">IIBB", data[at + 8 : at + 18])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    assert depth == 8
    channels = {2: 3, 6: 4}[color]
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(high, 1 + wide * channels)
    return wide, high, rows


def test_a_png():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'seqcli[plot]'")
    drawn = picture(words=[*(f"$w_{i}$" for i in range(27)), "王国", "שלום", "\ufffe\x00"])
    data = render(drawn, ".png")
    assert data == render(drawn, ".png")
    wide, high, rows = pixels(data)
    assert (wide, high) == (2 * WIDTH, 2 * (scatter.HEIGHT + svg.legend(drawn)[1] + svg.ROW))
    assert len(np.unique(rows)) > 50


def test_nothing_heavy_is_imported():
    code = "import sys; import seqcli.report.vectors, seqcli.tasks.bias.report, seqcli.tasks.bias.debias, seqcli.tasks.bias.reading\n"
    code += "print([name for name in ('torch', 'scipy', 'sklearn', 'matplotlib', 'html.parser') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, check=True)
    assert done.stdout == b"[]\n"


HELPERS = """
const $ = (id) => document.getElementById(id);
const plane = $("plane");
plane.setPointerCapture = () => {};
const all = (selector) => [...document.querySelectorAll(selector)];
const words = (selector) => all(selector).map((node) => node.querySelector("text").textContent);
const place = (i) => all(".point")[i].getAttribute("transform").match(/-?[\\d.]+/g).map(Number);
const type = (query) => { $("search").value = query; $("search").dispatchEvent(new Event("input", { bubbles: true })); };
const pointer = (kind, x, y, id = 1) => {
  const box = plane.getBoundingClientRect();
  plane.dispatchEvent(new PointerEvent(kind, { clientX: box.left + x, clientY: box.top + y, pointerId: id, bubbles: true, button: 0 }));
};
const key = (name) => plane.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const seen = () => all(".point text:not(.off)").filter((node) => node.getClientRects().length);
"""


def test_the_page_loads_in_both_schemes(chromium, tmp_path):
    script = """return [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(seen()[0]).fill,
        getComputedStyle(all(".point use")[0]).fill, all(".controls")[0].hidden];"""
    light = chromium(page(picture()))
    assert not light.console
    assert chromium(page(picture()), HELPERS + script).results == ["rgb(255, 255, 255)", "rgb(27, 31, 36)", "rgb(31, 95, 168)", False]
    program = next(filter(None, map(shutil.which, BROWSERS)))
    show = "document.title = getComputedStyle(document.documentElement).backgroundColor"
    text = page(picture()).replace('http-equiv="Content-Security-Policy"', 'name="was-policy"')
    (tmp_path / "page.html").write_text(text.replace("</body>", f"<script>{show}</script></body>"))
    flags = [*FLAGS, "--blink-settings=preferredColorScheme=0", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([program, *flags, (tmp_path / "page.html").as_uri()], capture_output=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr.decode()
    assert read(done.stdout.decode()).all("title")[0].text == "rgb(21, 24, 28)"


def test_hostile_words_in_a_browser(chromium):
    shown = chromium(
        page(hostile()), HELPERS + "type('<script'); $('found').querySelector('button').click(); return $('card').textContent;"
    )
    assert shown.results.startswith(HOSTILE[0])
    assert not shown.console
    assert len(shown.root.all("script")) == 2  # the page's and the test's
    assert not shown.root.all("img")


def test_search(chromium):
    words = ["king", "Kingdom", "looking", "queen", "<b>", *(f"filler{i}" for i in range(20))]
    script = """
    const steps = {};
    type("KING");
    steps.found = all("#found button").map((node) => node.textContent);
    steps.said = $("said").textContent;
    steps.marked = words(".point.match");
    steps.seen = seen().map((node) => node.textContent).filter((word) => steps.marked.includes(word)).length;
    type("nowhere"); steps.nothing = [$("said").textContent, $("found").hidden, all(".match").length];
    type("filler"); steps.many = [$("said").textContent, all("#found button").length];
    type("<b>");
    document.querySelector(".controls").requestSubmit();
    const box = plane.getBoundingClientRect();
    steps.middle = Math.hypot(place(4)[0] - box.width / 2, place(4)[1] - box.height / 2) < 1;
    steps.card = [$("card").hidden, $("card").querySelector("strong").textContent];
    key("Escape"); steps.closed = $("card").hidden;
    type(""); steps.cleared = [$("said").textContent, all(".match").length, plane.classList.contains("fewer")];
    return steps;"""
    shown = chromium(page(picture(25, words=words)), HELPERS + script)
    assert not shown.console
    assert shown.results == {
        "found": ["king", "Kingdom", "looking"],  # the whole word, its beginning, a part
        "said": "3 found",
        "marked": ["king", "Kingdom", "looking"],
        "seen": 3,
        "nothing": ["Nothing found.", True, 0],
        "many": ["20 found, the first 12 listed", 12],
        "middle": True,
        "card": [False, "<b>"],
        "closed": True,
        "cleared": ["", 0, False],
    }


def test_hovering_and_keeping(chromium):
    script = """
    const steps = {};
    const [x, y] = place(7);
    pointer("pointermove", x + 2, y + 1);
    steps.card = [...$("card").querySelectorAll("strong, .note, li")].map((node) => node.textContent);
    steps.on = words(".point.on");
    const box = $("card").getBoundingClientRect(), figure = plane.getBoundingClientRect();
    steps.inside = box.left >= figure.left && box.right <= figure.right && box.top >= figure.top && box.bottom <= figure.bottom;
    pointer("pointermove", -50, -50); steps.gone = [$("card").hidden, all(".on").length];
    pointer("pointerdown", x, y); pointer("pointerup", x, y);
    pointer("pointermove", -50, -50); steps.kept = [$("card").hidden, $("card").className];
    $("card").querySelector("button").click(); steps.next = $("card").querySelector("strong").textContent;
    pointer("pointerdown", 1, 1); pointer("pointerup", 1, 1); steps.closed = $("card").hidden;
    return steps;"""
    shown = chromium(page(picture()), HELPERS + script)
    assert not shown.console
    assert shown.results == {
        "card": ["word7", "group 1", "word80.75", "elsewhere0.50"],
        "on": ["word7", "word8"],
        "inside": True,
        "gone": [True, 0],
        "kept": [False, "card kept"],
        "next": "word8",
        "closed": True,
    }


def test_zoom_and_pan(chromium):
    script = """
    const steps = {};
    const start = [place(0), place(9)];
    const apart = (places) => Math.hypot(places[0][0] - places[1][0], places[0][1] - places[1][1]);
    const now = () => [place(0), place(9)];
    const close = (a, b, most = 0.3) => a.every((point, i) => Math.hypot(point[0] - b[i][0], point[1] - b[i][1]) < most);
    const box = plane.getBoundingClientRect();
    plane.dispatchEvent(new WheelEvent("wheel", { deltaY: -500, cancelable: true,
      clientX: box.left + start[0][0], clientY: box.top + start[0][1] }));
    steps.wheel = [ // it is at whole pixels
      Math.abs(apart(now()) / apart(start) - Math.exp(0.75)) < 0.01, close([now()[0]], [start[0]], 2)];
    $("whole").click(); steps.whole = close(now(), start);
    $("closer").click(); $("farther").click(); steps.back = close(now(), start);
    key("+"); steps.keys = apart(now()) > 1.3 * apart(start); key("0");
    key("ArrowRight"); steps.arrow = close(now(), start.map(([x, y]) => [x - 60, y])); key("0");
    pointer("pointerdown", 5, 5); pointer("pointermove", 35, 25); pointer("pointerup", 35, 25);
    steps.drag = [close(now(), start.map(([x, y]) => [x + 30, y + 20])), $("card").hidden]; $("whole").click();
    pointer("pointerdown", 100, 100, 1); pointer("pointerdown", 200, 100, 2); pointer("pointermove", 300, 100, 2);
    pointer("pointerup", 300, 100, 2); pointer("pointerup", 100, 100, 1);
    steps.pinch = Math.abs(apart(now()) / apart(start) - 2) < 0.05;
    $("whole").click();
    for (let i = 0; i < 30; i++) $("closer").click();
    steps.bounded = apart(now()) < 61 * apart(start);
    return steps;"""
    shown = chromium(page(picture()), HELPERS + script)
    assert not shown.console
    flat = list(itertools.chain.from_iterable(value if isinstance(value, list) else [value] for value in shown.results.values()))
    assert all(flat), shown.results


def test_labels_in_a_browser(chromium):
    script = """
    const overlaps = () => {
      const boxes = seen().map((node) => node.getBoundingClientRect());
      let count = 0;
      for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
        const [a, b] = [boxes[i], boxes[j]];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        count += wide > 2 && high > 4;
      }
      return count;
    };
    const before = seen().length, over = overlaps();
    key("+"); key("+"); key("+"); key("+"); key("+");
    return [before, over, overlaps(), all(".arrows path").map((node) => node.getAttribute("d") !== "").includes(true)];"""
    drawn = picture(200, words=[f"label number {i}" for i in range(200)])
    before, over, after, has_arrow = chromium(page(drawn), HELPERS + script).results
    assert 20 < before < 200
    assert (over, after) == (0, 0)
    assert has_arrow


def test_groups_can_be_hidden(chromium):
    script = """
    $("group1").click();
    const hidden = all(".point").filter((node) => node.style.display === "none").length;
    const paths = all(".arrows path").map((node) => node.getAttribute("d") !== "");
    type("word4"); all("#found button")[0].click();
    return [hidden, paths, $("group1").checked, $("card").querySelector("strong").textContent];"""
    drawn = picture(9, arrows=((0, 3), (1, 2)))
    assert chromium(page(drawn), HELPERS + script).results == [3, [True, False], True, "word4"]


def test_no_page_scrolls_sideways(chromium):
    long = "W" * 400
    drawn = Picture(long, long, [long, "b"], np.eye(2), [0, 1], [long, "x"], (), [[(long, 0.5)], []])
    script = """
    document.body.style.maxWidth = "328px";
    dispatchEvent(new Event("resize"));
    type("w"); all("#found button")[0].click();
    document.querySelector("details").open = true;
    const edge = document.body.getBoundingClientRect().right;
    const boxes = (node) => [node, ...(node.matches(".scroll, svg, select") ? [] : [...node.children].flatMap(boxes))];
    return boxes(document.querySelector("body")).filter((node) => node.getBoundingClientRect().right > edge + 1)
      .map((node) => node.outerHTML.slice(0, 100));"""
    shown = chromium(page(drawn), HELPERS + script)
    assert not shown.console
    assert shown.results == []
