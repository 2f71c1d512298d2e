"""The page in a browser: what the script marks, sorts and finds."""

import random
from dataclasses import replace

from seqcli.report.comparison import MetricColumn
from seqcli.report.page import page
from tests.report.conftest import METRICS, compare

HELPERS = """
const $ = (id) => document.getElementById(id);
const visible = () => [...document.querySelectorAll(".segment:not([hidden])")];
const lines = () => visible().map((node) => Number(node.dataset.line));
const set = (id, value) => {
  if (typeof value === "boolean") $(id).checked = value; else $(id).value = value;
  $(id).dispatchEvent(new Event("input", { bubbles: true }));
};
"""
SCORES = [  # (B, S, M): BLEU, and TER where less is better
    [[10, 90], [60, 20], [30, 30]],
    [[50, 10], [30, 40], [90, 50]],
    [[20, 30], [20, 35], [10, 80]],
    [[float("nan"), 5], [99, 95], [40, 1]],
]
TEXTS = [
    (["A cat sat on the mat."], ["A cat sat.", "The cat sat on the mat.", "Mat!"]),
    (["Red lorry, yellow lorry."], ["Red lorry.", "", "Yellow <b>lorry</b>"]),
    (["Straße 17"], ["Straße 17", "STRASSE 18", "x"]),
    (["the end"], ["the  end", "an end", "end"]),
]


def kinds(node):
    """The marked text of an element as (mark, words) pieces."""
    return [("", child) if isinstance(child, str) else (child.tag, child.text) for child in node.children]


def hypothesis(segment, system):
    (row,) = segment.all("div", data_system=str(system))
    return row.all("dd")[0]


def marked(chromium, pairs):
    shown = chromium(page(compare([([reference], [text, text]) for reference, text in pairs])))
    segments = {int(segment.attributes["data-line"]): segment for segment in shown.segments()}
    assert not shown.console
    return [kinds(hypothesis(segments[i + 1], 0)) for i in range(len(pairs))]


def test_words_are_marked(chromium):
    pairs = {
        ("the cat sat", "the cat sat"): [("", "the cat sat")],
        ("the cat sat", "a cat sat down"): [("del", "the"), ("", " "), ("ins", "a"), ("", " cat sat "), ("ins", "down")],
        ("the cat, sat", "the cat sat"): [("", "the cat"), ("del", ","), ("", " sat")],
        ("one two", ""): [("del", "one two")],
        ("", "one  two"): [("ins", "one  two")],
        ("one two", " two "): [("del", "one"), ("", " two ")],
        ("two", "one two"): [("ins", "one"), ("", " two")],
        ("我喜欢猫", "我爱猫"): [("", "我"), ("del", "喜欢"), ("ins", "爱"), ("", "猫")],
        ("e\u0301t\u00e9 <b>", "e\u0301t\u00e9 <i>"): [("", "e\u0301t\u00e9 <"), ("del", "b"), ("ins", "i"), ("", ">")],
        ("x 👩‍👩‍👧 y", "x 👍🏽 y"): [("", "x "), ("del", "👩‍👩‍👧"), ("", " "), ("ins", "👍🏽"), ("", " y")],
    }
    assert marked(chromium, list(pairs)) == [[piece for piece in pieces if piece[1]] for pieces in pairs.values()]


def common(a, b):
    """The length of the longest common subsequence, by its textbook recurrence."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def test_marks_are_a_longest_common_subsequence(chromium):
    rng = random.Random(1)
    pairs = [tuple(" ".join(rng.choices("abcd", k=rng.randrange(14))) for _ in range(2)) for _ in range(25)]
    for (reference, text), pieces in zip(pairs, marked(chromium, pairs), strict=True):
        both = [word for kind, words in pieces if not kind for word in words.split()]
        assert [word for kind, words in pieces if kind != "del" for word in words.split()] == text.split()
        assert [word for kind, words in pieces if kind != "ins" for word in words.split()] == reference.split()
        assert len(both) == common(reference.split(), text.split())


def test_choices(chromium):
    script = """
    const steps = {};
    const step = (name) => { steps[name] = lines(); };
    step("start");
    set("order", "1"); step("first ahead");
    set("order", "2"); step("second ahead");
    set("by", "1"); step("second ahead by TER");
    set("order", "3"); step("worst of first by TER");
    set("order", "4"); set("by", "0"); step("worst of second");
    set("order", "5"); step("line");
    $("swap").click(); set("order", "1"); step("first ahead, swapped");
    set("order", "0"); set("second", "2"); step("others");
    steps.labels = [...$("order").options].map((option) => option.text);
    steps.gaps = visible().map((node) => node.querySelector(".gap").textContent);
    steps.rows = [...visible()[0].querySelectorAll(".hypothesis:not([hidden]) dt > bdi")].map((node) => node.textContent);
    set("all", true);
    steps.all = [...visible()[0].querySelectorAll(".hypothesis:not([hidden]) dt > bdi")].map((node) => node.textContent);
    steps.bold = [...visible()[0].querySelectorAll(".on")].map((node) => node.textContent);
    set("search", "STRASSE"); step("search");
    set("search", "straße"); step("search again");
    set("search", "<B>"); step("markup is text");
    set("search", "4"); step("number");
    set("search", "nowhere"); step("nothing"); steps.said = $("shown").textContent;
    return steps;"""
    shown = chromium(page(compare(TEXTS, SCORES, ["base", "new", "odd"])), HELPERS + script)
    assert not shown.console
    assert shown.results == {
        "start": [1, 2, 3, 4],  # 50, 20, 0 and nothing to compare
        "first ahead": [2],
        "second ahead": [1],
        "second ahead by TER": [1],
        "worst of first by TER": [1, 3, 2, 4],
        "worst of second": [3, 2, 1, 4],
        "line": [1, 2, 3, 4],
        "first ahead, swapped": [1],
        "others": [2, 4, 1, 3],  # new against odd: 60, 59, 30, 10
        "labels": ["largest difference", "new ahead", "odd ahead", "worst of new", "worst of odd", "line"],
        "gaps": [
            f"BLEU: {name} ahead by {gap}" for name, gap in [("odd", "60.00"), ("new", "59.00"), ("new", "30.00"), ("new", "10.00")]
        ],
        "rows": ["new", "odd"],
        "all": ["new", "odd", "base"],
        "bold": ["BLEU 30.00", "BLEU 90.00", "BLEU 50.00"],
        "search": [3],
        "search again": [3],
        "markup is text": [2],
        "number": [4],
        "nothing": [],
        "said": "Nothing found.",
    }


def test_segments_come_in_portions(chromium):
    script = """
    const counts = [visible().length];
    for (let i = 0; i < 2; i++) { $("more").click(); counts.push(visible().length); }
    return [counts, $("more").hidden, document.activeElement.textContent, $("shown").textContent];"""
    scores = [[[0, 0], [60 - i, 0]] for i in range(60)]
    shown = chromium(page(compare([(["a"], ["b", "c"])] * 60, scores)), HELPERS + script)
    assert shown.results == [[25, 50, 60], True, "Segment 51", "60 of 60 shown"]


def test_charts_change_with_the_metric(chromium):
    script = """
    const shown = () => [...document.querySelectorAll(".chart")].filter((node) => node.offsetHeight).map((node) => node.dataset.metric);
    const before = shown();
    document.querySelectorAll(".tabs input")[1].click();
    return [before, shown(), [...document.querySelectorAll(".copy")].filter((node) => node.offsetHeight).length];"""
    assert chromium(page(compare(TEXTS, SCORES, ["base", "new", "odd"])), HELPERS + script).results == [["0", "0"], ["1", "1"], 2]


def test_no_page_scrolls_sideways(chromium):
    long = "W" * 400
    comparison = compare(
        [([long], [f"{long} {long}", "שלום"]), (["x"], ["\u202etfel", ""])],
        systems=[f"out/{long}.txt", "new"],
        metrics=[MetricColumn("BLEU", long), *METRICS[1:]],
        title=long,
    )
    script = """
    document.body.style.maxWidth = "328px";
    document.body.style.width = "328px";
    const edge = document.body.getBoundingClientRect().right;
    const boxes = (node) => [node, ...(node.matches(".scroll, svg, select") ? [] : [...node.children].flatMap(boxes))];
    const outside = (node) => node.getBoundingClientRect().right > edge + 1;
    return boxes(document.querySelector("body")).filter(outside).map((node) => node.outerHTML);"""
    assert chromium(page(comparison), HELPERS + script).results == []


def test_hostile_text_stays_text(chromium):
    evil = "<script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">"
    comparison = replace(
        compare([([evil], [evil, f"a {evil}"])], systems=[evil, "new"], metrics=[MetricColumn(evil, evil)]), title=evil
    )
    shown = chromium(page(comparison))
    assert shown.root.all("title")[0].text == evil
    assert not shown.root.all("img")
    assert len(shown.root.all("script")) == 1
    assert hypothesis(shown.segments()[0], 1).text == f"a {evil}"
    assert not shown.console


def test_one_system_in_a_browser(chromium):
    script = "const start = lines(); set('order', '5'); return [start, lines(), visible()[0].querySelector('.gap').textContent];"
    comparison = compare([(["a"], ["b"]), (["c"], ["c"]), (["d"], ["e"])], [[[50, 9]], [[100, 0]], [[10, 80]]], ["only"])
    shown = chromium(page(comparison), HELPERS + script)
    assert shown.results == [[3, 1, 2], [1, 2, 3], ""]
    assert not shown.console


def test_nothing_to_show_is_no_error(chromium):
    assert not chromium(page(compare([]))).console
    assert not chromium(page(compare([([], ["a", "b"])]))).console
