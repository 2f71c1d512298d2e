"""The page as text: every word is escaped, nothing comes from elsewhere, and the same input gives the same page."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcli.report.comparison import CorpusScore, Lengths, MetricColumn
from seqcli.report.page import page, static
from tests.conftest import ENVIRONMENT
from tests.report.conftest import compare, read

HOSTILE = (
    "<script>alert(1)</script>", "</script><!--", "\"><img src=x onerror=alert(1)>", "' onload='x", "a & b &amp; c &lt;",
    "{{title}} {{script}}", "]]><svg/onload=alert(1)>", "\u2028\u2029", "שלום <b>עולם</b> 123", "\u202eabc", "e\u0301\u0323" * 5,
    "W" * 5000, "", "  two  spaces ",
)  # fmt: skip
PLAIN = compare([(["the cat sat"], ["a cat sat", "the dog sat"]), (["yes"], ["yes", "no"])])


def visible(text):
    """Control characters as the page shows them."""
    return "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c != "\t" else "\u2421" if ord(c) == 127 else c for c in text)


def rows(root, **attributes):
    return [node.all("dd")[0].text for node in root.all("div", **attributes)]


@pytest.mark.parametrize("place", ["title", "system", "metric", "signature", "reference", "hypothesis"])
def test_hostile_text_is_shown_as_text(place):
    bare = read(page(compare([(["r"], ["h", "h"])] * len(HOSTILE))))
    for text in HOSTILE if place not in {"reference", "hypothesis"} else [""]:
        comparison = compare(
            [([words if place == "reference" else "r"], [words if place == "hypothesis" else "h", "h"]) for words in HOSTILE],
            systems=[text if place == "system" else "base", "new"],
            metrics=[MetricColumn(text if place == "metric" else "BLEU", text if place == "signature" else "case:mixed|tok:13a"),
                     MetricColumn("TER", "case:lc", lower_is_better=True)],
            title=text if place == "title" else "a test set",
        )  # fmt: skip
        root = read(page(comparison))
        skeleton = [node.tag for node in root.all()]
        assert skeleton == [node.tag for node in bare.all()] or not text
        assert not [key for node in root.all() for key in node.attributes if key.startswith("on")]
        assert rows(root, class_="reference") == (list(HOSTILE) if place == "reference" else ["r"] * len(HOSTILE))
        assert root.all("h1")[0].text == comparison.title
        assert root.all("th", scope="row")[0].text.startswith(comparison.systems[0])
        assert [node.text for node in root.all("code")] == [metric.signature for metric in comparison.metrics if metric.signature]
    if place == "hypothesis":
        assert rows(root, data_system="0") == list(HOSTILE)


@settings(max_examples=25)
@given(st.text(), st.text())
def test_any_text_comes_back(reference, hypothesis):
    text = page(compare([([reference], [hypothesis, "x"])]))
    root = read(text)
    assert rows(root, class_="reference") == [visible(reference)]
    assert rows(root, data_system="0") == [visible(hypothesis)]
    text.encode()


def test_half_a_surrogate_can_be_written():
    assert "\ufffd".encode() in page(compare([(["a\ud800b"], ["x", "y"])])).encode()


def test_the_same_input_gives_the_same_page():
    assert page(PLAIN) == page(PLAIN)


def test_nothing_comes_from_elsewhere():
    text = page(PLAIN)
    assert not re.search(r"(?i)https?:|\burl\(|@import|//[a-z]", re.sub(r"^\s*// .*$|; // .*$", "", text, flags=re.M))
    root = read(text)
    for node in root.all():
        for key, value in node.attributes.items():
            assert key not in {"src", "srcset", "action", "data", "style"}, node
            assert key not in {"href", "xlink:href"} or (value or "").startswith("#"), node
    assert not root.all("link")


def test_only_its_own_script_may_run():
    root = read(page(PLAIN))
    (script,) = root.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = root.all("meta", http_equiv="Content-Security-Policy")
    assert f"script-src 'sha256-{digest}'" in (policy.attributes["content"] or "")
    assert "default-src 'none'" in (policy.attributes["content"] or "")


def test_what_a_label_or_a_mark_refers_to_is_there_once():
    root = read(page(PLAIN))
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in root.all():
        for key in ("aria-labelledby", "href", "for"):
            assert key not in node.attributes or (node.attributes[key] or "").lstrip("#") in ids, node
    assert all(node.attributes.get("scope") for node in root.all("th"))
    for table in root.all("table"):
        cells = [sum(isinstance(cell, type(root)) for cell in row.children) for row in table.all("tr")]
        assert len(set(cells)) == 1, cells
    assert all(node.attributes.get("aria-label") or node.has("aria-hidden", "true") for node in root.all("svg"))


def table(comparison):
    return [[cell.text for cell in row.all("td")] for row in read(page(comparison)).all("table", class_="scores")[0].all("tr")[1:]]


def test_scores_intervals_and_tests():
    first = [CorpusScore(30.0, 28.0, 33.0), CorpusScore(60.0)]
    second = [CorpusScore(31.5, 29.0, 34.0, 0.0001), CorpusScore(58.0, p_value=0.2)]
    assert table(replace(PLAIN, scores=[first, second])) == [
        ["30.0028.00 – 33.00", "60.00"],
        ["best 31.5029.00 – 34.00+1.50, p < 0.001 ***", "best 58.00−2.00, p = 0.200"],  # TER: lower is better
    ]


def test_the_best_are_those_printed_alike():
    nan = float("nan")
    assert table(replace(PLAIN, scores=[[CorpusScore(30.001), CorpusScore(nan)], [CorpusScore(30.002), CorpusScore(50.0)]])) == [
        ["best 30.00", "–"],
        ["best 30.00±0.00", "50.00"],
    ]


def test_one_system_and_one_metric():
    root = read(page(compare([(["a b"], ["a c"])], systems=["only"], metrics=[MetricColumn("chrF")])))
    assert not root.all(id="second")
    assert not root.all(class_="best")
    assert [option.text for option in root.all(id="order")[0].all("option")] == ["worst", "line"]
    assert "baseline" not in root.all("main")[0].text
    assert not root.all("code")


def test_nothing_at_all():
    lengths = Lengths([0] * 7, np.full((2, 2, 7), np.nan))
    nothing = [[CorpusScore(float("nan"))] * 2] * 2
    text = read(page(compare([], lengths=lengths, scores=nothing))).text
    assert "There is nothing to score." in text
    assert "There is nothing to count." in text
    assert "All 0 segments" in text


def test_what_is_over_100_has_a_bar_of_its_own():
    heads = [
        read(page(compare([(["a"], ["b"])], [[value]], ["s"], [MetricColumn("WER", "", lower_is_better=True)]))) for value in (100, 101)
    ]
    assert ["over 100" in root.text for root in heads] == [False, True]


def test_bins_without_segments_or_scores():
    scores = np.full((2, 2, 7), np.nan)
    scores[:, :, [1, 3]] = 20.0
    scores[1, 0, 3] = np.nan
    root = read(page(replace(PLAIN, lengths=Lengths([0, 5, 0, 7, 0, 0, 0], scores))))
    chart = root.all("svg", class_="lines")[0]
    assert [node.text for node in chart.all("text", class_="x")] == ["10–19", "5", "30–39", "7"]
    assert [len(series.all("use")) for series in chart.all("g")] == [1, 2]  # the second system has one value, and is drawn first
    assert [len(series.all("line")) for series in chart.all("g")] == [0, 1]


def test_many_systems_can_be_told_apart():
    systems = [f"s{i}" for i in range(20)]
    root = read(page(compare([(["a"], ["b"] * 20)], systems=systems)))
    looks = {
        (item.all("svg")[0].attributes["class"], item.all("use")[0].attributes["href"])
        for item in root.all("ul", class_="legend")[0].all("li")
    }
    assert len(looks) == 20


def test_references_that_are_missing():
    text = page(compare([([], ["a", "b"]), (["r1", "r2"], ["a", "b"])]))
    assert [node.all("dt")[0].text for node in read(text).all("div", class_="reference")] == ["reference 1", "reference 2"]


def test_a_page_costs_no_heavy_import():
    code = "import sys, seqcli.report.page; print(*{'torch', 'rich', 'typer', 'sacrebleu'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "\n"


def luminance(colour):
    """The relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast(scheme):
    block = re.findall(r":root \{(.*?)\}", static("comparison.css"), re.S)[scheme]
    colours = {key: luminance(value) for key, value in re.findall(r"--([\w-]+): (#\w{6})", block)}

    def ratio(a, b):
        dark, light = sorted((colours[a], colours[b]))
        return (light + 0.05) / (dark + 0.05)

    pairs = [("ink", "ground"), ("ink", "raised"), ("soft", "ground"), ("soft", "raised"), ("link", "ground"),
             ("added", "added-ground"), ("missing", "missing-ground")]  # fmt: skip
    assert all(ratio(*pair) >= 4.5 for pair in pairs)
    assert all(ratio(f"s{s}", "ground") >= 4.5 for s in range(8))
