"""The page of traces: as text, where every word is escaped and pictures say what the traces do, and in a browser."""

import base64
import hashlib
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.report.page import static
from seqcli.report.subwords import TRIES, cell, grow, page
from seqcli.text.subword.told import Account, accounts, seen, spans
from seqcli.text.subword.trace import Match, MatchTrace, arcs, longest_matches, merges, segmentations
from tests.conftest import ENVIRONMENT
from tests.report.conftest import read
from tests.text.subword.test_trace import wordpiece
from tests.text.subword.toys import KINDS, library

EVIL = "<script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">"
HOSTILE = (EVIL, "</script><!--", "a & b &amp; c &lt;", "{{title}} {{script}}", "]]><svg/onload=alert(1)>", "\u202eabc", "שלום",
           "e\u0301\u0323" * 3, "a\0b\t", "W" * 60)  # fmt: skip
RANKS = {("l", "o"): 4, ("lo", "w"): 9, ("e", "r"): 2, ("low", "er"): 30}
SCORES = {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -3.5, "aba": -4.0}


def merging(word, ranks=None):
    steps = merges(word, word, lambda *pair: (RANKS if ranks is None else ranks).get(pair))
    return Account(word, word, "bpe", steps.pieces, list(range(len(steps.pieces))), steps)


def summing(word, count=5):
    steps = segmentations(word, arcs(word, SCORES, -20.0, 3), count)
    return Account(word, word, "unigram", steps.pieces, list(range(len(steps.pieces))), steps)


def matching(word, vocabulary):
    steps = longest_matches(word, vocabulary, "[UNK]")
    return Account(word, word, "wordpiece", steps.pieces, list(range(len(steps.pieces))), steps)


ALL = (merging("lower"), summing("ababa"), matching("abcd", {"ab", "##c", "##d"}), Account("word", "word", "word", ["word"], [3]))


MAKERS = (
    merging,
    summing,
    lambda word: matching(word, {"a", "##b"}),
    lambda word: Account(word, word, "word", [word], [0]),
)


def cells(node, kind):
    return [[cell.text for cell in row.all("td")] for row in node.all("table", class_=kind)[0].all("tbody")[0].all("tr")]


def test_leaves_spell_the_word_and_ends_are_the_pieces():
    (tree,) = read(page("m", "lower slow", [merging("lower")])).all("svg", class_="tree")
    leaves, nodes, ends = (tree.all("g", class_=kind) for kind in ("leaf", "node", "end"))
    label = lambda node: node.all("text")[-1].text  # noqa: E731
    assert "".join(map(label, leaves)) == "lower"
    assert [label(node) for node in nodes if node not in leaves] == ["er", "lo", "low", "lower"]
    assert [node.all("text")[0].text for node in nodes if node not in leaves] == ["2", "4", "9", "30"]
    assert [label(node) for node in ends] == ["lower"]
    assert nodes[5].all("title")[0].text == "1: e + r → er, rank 2"
    assert all(node.attributes["data-gone"] for node in nodes if node not in ends)


@settings(max_examples=60)
@given(
    st.dictionaries(st.tuples(*[st.text("ab", min_size=1, max_size=3)] * 2), st.integers(0, 99)), st.text("ab", min_size=1, max_size=9)
)
def test_a_tree_is_its_trace(ranks, word):
    account = merging(word, ranks)
    nodes = grow(account.trace)
    assert "".join(node.piece for node in nodes if not node.children) == word
    assert [node.piece for node in sorted(nodes, key=lambda node: node.left) if node.gone is None] == account.trace.pieces
    for step in range(len(account.trace.merges) + 1):  # what the slider shows
        alive = [node for node in nodes if node.step <= step and (node.gone is None or step < node.gone)]
        symbols = account.trace.merges[step - 1].symbols if step else account.trace.symbols
        assert [node.piece for node in sorted(alive, key=lambda node: node.left)] == symbols
    for node in nodes:
        assert node.piece == "".join(child.piece for child in node.children) or not node.children
        assert node.right - node.left >= cell(node.piece) - 0.01  # it has room
        assert all(child.level < node.level for child in node.children)


def test_the_table_of_merges():
    rows = cells(read(page("m", "lower", [merging("lower")])), "steps")
    assert rows == [
        ["0", "l o w e r", "e + r → er", "2", "1", "l o 4"],
        ["1", "l o w er", "l + o → lo", "4", "1", ""],
        ["2", "lo w er", "lo + w → low", "9", "1", ""],
        ["3", "low er", "low + er → lower", "30", "1", ""],
        ["4", "lower", "", "", "", ""],
    ]


def test_the_lattice_and_its_ways():
    account = summing("ababa", 4)
    root = read(page("m", "ababa", [account]))
    (picture,) = root.all("svg", class_="lattice")
    drawn = {int(node.attributes["data-arc"] or ""): node for node in picture.all("g", class_="arc")}
    assert len(drawn) == len(account.trace.arcs)
    for i, arc in enumerate(account.trace.arcs):
        assert drawn[i].all("title")[0].text.startswith(f"{arc.piece}: log p −")
        assert drawn[i].all("text")[0].text == arc.piece
        assert float(drawn[i].all("path")[1].attributes["stroke-width"] or "") == pytest.approx(1 + 7 * arc.posterior, abs=0.01)
        assert drawn[i].has("class_", "best") == ((arc.begin, arc.end) in spans(account.pieces))
    assert "".join(node.text for node in picture.all("text", class_="character")) == "ababa"
    rows = root.all("table", class_="ways")[0].all("tbody")[0].all("tr")
    for row, path in zip(rows, account.trace.paths, strict=False):
        assert [account.trace.arcs[int(i)].piece for i in (row.attributes["data-arcs"] or "").split()] == path.pieces
    assert "data-arcs" not in rows[4].attributes
    assert [float(row[3]) for row in cells(root, "ways")] == pytest.approx(
        [*(path.probability for path in account.trace.paths), 1 - sum(path.probability for path in account.trace.paths)], abs=1e-4
    )
    assert len(cells(root, "arcs")) == len(drawn)


def test_labels_do_not_cover_each_other():
    (picture,) = read(page("m", "w", [summing("abaababbaaba")])).all("svg", class_="lattice")
    boxes: list[tuple[float, float, int]] = []
    for node in picture.all("g", class_="arc"):
        label = node.all("text")[0]
        if not node.has("class_", "faint"):
            x, y = (float(label.attributes[key] or 0) for key in ("x", "y"))
            assert all(abs(x - at) > 4.3 * (len(label.text) + long) or abs(y - up) >= 14 for at, up, long in boxes)
            boxes.append((x, y, len(label.text)))
    assert len(boxes) > 12


def test_the_staircase():
    root = read(page("m", "abcd", [matching("abcd", {"ab", "##c", "##d"})]))
    (picture,) = root.all("svg", class_="stairs")
    assert [(node.all("text")[0].text, node.has("class_", "end")) for node in picture.all("g", class_="try")] == [
        ("abcd", False), ("abc", False), ("ab", True), ("##cd", False), ("##c", True), ("##d", True),
    ]  # fmt: skip
    widths = [float(node.all("rect")[0].attributes["width"] or 0) for node in picture.all("g", class_="try")]
    assert widths[0] > widths[1] > widths[2]
    assert cells(root, "matches") == [["0", "ab", "abcd abc"], ["2", "##c", "##cd"], ["3", "##d", ""]]


def test_words_that_are_not_found():
    long = longest_matches("a" * 40, {"a", "##b"}, "[UNK]", most=10)
    lost = longest_matches("ab" * 20, {"ab"}, "[UNK]")
    root = read(page("m", "w", [Account("a", "a", "wordpiece", ["[UNK]"], [0], each) for each in (long, lost)]))
    (picture,) = root.all("svg", class_="stairs")  # there is nothing to draw of a word that is not looked at
    assert len(picture.all("g", class_="lost")) == 2 * TRIES
    assert [node.text for node in picture.all("text", class_="rest")] == ["and so on"] * 2
    assert "Longer than the words that are looked at." in root.text
    assert [row[1] for row in cells(root.all("section")[1], "matches")] == ["ab", "–"]


def test_a_match_that_many_tries_precede():
    steps = MatchTrace("abcdefghijklmnop", [Match(0, ["abcdefghijklmnop"[:end] for end in range(16, 0, -1)], found=True)], "?")
    (picture,) = read(page("m", "w", [Account("w", "", "wordpiece", ["a"], [0], steps)])).all("svg", class_="stairs")
    assert [node.all("text")[0].text for node in picture.all("g", class_="end")] == ["a"]
    assert len(picture.all("g", class_="lost")) == TRIES


@pytest.mark.parametrize("kind", KINDS)
def test_trained_tokenizers(kind):
    found = accounts(library(kind), "The naïve cats sleeping Ж")
    root = read(page("toys", "The naïve cats sleeping Ж", found))
    sections = root.all("section")
    assert len(sections) == len(found)
    for node, each in zip(sections, found, strict=True):
        assert node.all("h2")[0].all("bdi")[0].text == seen(each.word)
        assert [item.text for item in node.all("ol", class_="pieces")[0].all("li")] == [
            f"{seen(piece)}{i}" for piece, i in zip(each.pieces, each.ids, strict=True)
        ]
        assert bool(node.all("svg", class_="picture")) == (each.trace is not None)
    assert f"toys · {kind} · {len(found)} words" in root.all("p", class_="size")[0].text


@pytest.mark.parametrize("make", MAKERS, ids=["bpe", "unigram", "wordpiece", "word"])
def test_hostile_text_is_shown_as_text(make):
    tags = {node.tag for node in read(page("m", "plain", list(ALL))).all()}
    for words in HOSTILE:
        root = read(page(words, words, [make(words)]))
        assert {node.tag for node in root.all()} <= tags
        assert len(root.all("script")) == 1
        assert not [key for node in root.all() for key in node.attributes if key.startswith("on")]
        assert root.all("h1")[0].text == root.all("title")[0].text == " ".join(map(seen, words.split(" ")))
        assert root.all("h2")[0].all("bdi")[0].text == seen(words)
        for picture in root.all("svg", class_="tree"):
            assert "".join(leaf.all("text")[-1].text for leaf in picture.all("g", class_="leaf")) == seen(words)


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=8))
def test_any_text_comes_back(words):
    text = page(words, words, [merging(words), summing(words), matching(words, {"a"})])
    assert [node.all("bdi")[0].text for node in read(text).all("h2")] == [seen(words)] * 3
    text.encode()


def test_nothing_comes_from_elsewhere():
    text = page("m", "all", list(ALL))
    assert text == page("m", "all", list(ALL))
    assert not re.search(r"(?i)https?:|\burl\(|@import|//[a-z]", re.sub(r"^\s*// .*$|; // .*$", "", text, flags=re.M))
    root = read(text)
    for node in root.all():
        assert not {"src", "srcset", "action", "data", "style", "href"} & node.attributes.keys(), node
    assert not root.all("link")
    (script,) = root.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = root.all("meta", http_equiv="Content-Security-Policy")
    assert f"script-src 'sha256-{digest}'" in (policy.attributes["content"] or "")
    assert "default-src 'none'" in (policy.attributes["content"] or "")


def test_labels_and_tables_are_in_order():
    root = read(page("m", "all", [*ALL, *ALL]))
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert all((node.attributes["aria-labelledby"] or "") in ids for node in root.all("section"))
    assert all(node.attributes.get("scope") for node in root.all("th"))
    for table in root.all("table"):
        rows = [sum(isinstance(cell, type(root)) for cell in row.children) for row in table.all("tr")]
        assert len(set(rows)) == 1, rows
    assert all(node.attributes.get("aria-label") or node.has("aria-hidden", "true") for node in root.all("svg"))


def test_nothing_to_show():
    root = read(page("m", "", []))
    assert "There is nothing to show." in root.text
    assert not root.all("section")


def test_a_page_costs_no_heavy_import():
    code = "import sys, seqcli.report.subwords; print(*{'torch', 'rich', 'typer', 'tokenizers'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "\n"


def test_in_a_browser(chromium):
    script = """
    const all = (selector, from = document) => [...from.querySelectorAll(selector)];
    const label = (node) => [...node.querySelectorAll("text")].pop().textContent;
    const seen = (kind) => all(`.tree .node.${kind}`).map(label);
    const form = document.querySelector(".stepper"), slider = form.querySelector("input"), said = form.querySelector("output");
    const [back, next] = all("button", form);
    const steps = [];
    const note = () => steps.push([Number(slider.value), seen("top").sort().join(" "), seen("now").join(" "),
      all(".steps .now td").map((cell) => cell.textContent)[1], said.textContent, back.disabled, next.disabled]);
    note();
    back.click(); note();
    slider.value = 0; slider.dispatchEvent(new Event("input")); note();
    next.click(); note();
    all(".steps tbody tr")[3].click(); note();
    const arcs = (kind) => all(`.lattice .arc.${kind}`).map(label).sort().join(" ");
    const rows = all(".ways tbody tr");
    const found = { steps, best: arcs("best"), tabs: rows.map((row) => row.tabIndex) };
    rows[1].dispatchEvent(new MouseEvent("mouseenter"));
    found.second = [arcs("on"), document.querySelector(".lattice").classList.contains("chosen")];
    const colour = (selector) => getComputedStyle(document.querySelector(selector)).color;
    found.colours = new Set([colour(".lattice .arc.on"), colour(".lattice .arc.best:not(.on)")]).size;
    rows[1].dispatchEvent(new MouseEvent("mouseleave"));
    rows[0].dispatchEvent(new FocusEvent("focus")); found.first = arcs("on");
    rows[0].dispatchEvent(new FocusEvent("blur")); found.left = arcs("on");
    const arc = all(".lattice .arc").find((node) => label(node) === "aba" && !node.matches(".best"));
    arc.dispatchEvent(new MouseEvent("mouseenter"));
    found.through = rows.map((row) => row.classList.contains("through") && row.dataset.arcs.split(" ").includes(arc.dataset.arc));
    arc.dispatchEvent(new MouseEvent("mouseleave"));
    found.none = all(".through").length;
    return found;"""
    account = summing("ababa")
    shown = chromium(page("m", "all", list(ALL)), script)
    assert not shown.console
    assert shown.results["steps"] == [
        [4, "lower", "lower", "lower", "4: low + er → lower, rank 30", False, True],
        [3, "er low", "low", "low er", "3: lo + w → low, rank 9", False, False],
        [0, "e l o r w", "", "l o w e r", "nothing merged yet", True, False],
        [1, "er l o w", "er", "l o w er", "1: e + r → er, rank 2", False, False],
        [3, "er low", "low", "low er", "3: lo + w → low, rank 9", False, False],
    ]
    first, second = (" ".join(sorted(path.pieces)) for path in account.trace.paths[:2])
    assert (shown.results["best"], shown.results["first"], shown.results["left"]) == (first, first, "")
    assert shown.results["second"] == [second, True]
    assert shown.results["tabs"] == [0] * 5 + [-1]
    assert shown.results["colours"] == 2
    assert any(shown.results["through"])
    assert shown.results["none"] == 0


def test_light_and_dark(chromium):
    text = page("m", "all", list(ALL))
    assert text.count("screen and (prefers-color-scheme: dark)") == 1
    script = """
    const colours = {};
    const of = (selector, key) => { colours[selector] = getComputedStyle(document.querySelector(selector))[key]; };
    of("html", "backgroundColor"); of(".tree rect", "fill"); of(".tree text", "fill"); of(".lattice .best", "color");
    of(".chip", "color"); of(".lattice circle", "stroke"); of(".stairs .end rect", "fill"); of(".share rect:last-child", "fill");
    return colours;"""
    light = chromium(text, script)
    dark = chromium(text.replace("screen and (prefers-color-scheme: dark)", "screen"), script)
    assert not light.console + dark.console
    assert all(light.results[key] != dark.results[key] for key in light.results), (light.results, dark.results)
    used = set(re.findall(r"var\(--([\w-]+)\)", static("subwords.css")))
    assert used <= set(re.findall(r"--([\w-]+):", static("comparison.css")))


def test_no_page_scrolls_sideways(chromium):
    long = "W" * 90
    found = [merging(long), summing("ab" * 40), matching("ab" * 30, {"ab", "##a", "##b"}), *accounts(wordpiece(), "abcd"),
             Account(long, f"{long}x", "word", [long] * 9, [10**9] * 9, note=long)]  # fmt: skip
    script = """
    document.body.style.maxWidth = "328px";
    document.body.style.width = "328px";
    const edge = document.body.getBoundingClientRect().right;
    const boxes = (node) => [node, ...(node.matches(".scroll, svg, select") ? [] : [...node.children].flatMap(boxes))];
    const outside = (node) => node.getBoundingClientRect().right > edge + 1;
    return boxes(document.querySelector("body")).filter(outside).map((node) => node.outerHTML);"""
    assert chromium(page(long, long, found), script).results == []


def test_hostile_words_in_a_browser(chromium):
    found = [make(EVIL) for make in (merging, summing, lambda word: matching(word, {"a"}))]
    shown = chromium(page(EVIL, EVIL, found))
    assert shown.root.all("title")[0].text == EVIL
    assert not shown.root.all("img")
    assert len(shown.root.all("script")) == 1
    assert not shown.console
    assert not chromium(page("m", "", [])).console
