"""The page of attention: what a translator says it looked at is what the page draws, for every head, and in a browser."""

import base64
import hashlib
import re
import subprocess
import sys

import numpy as np
import pytest

from seqcli.decode.generate import Found
from seqcli.decode.settings import Hypothesis
from seqcli.errors import Failure, UsageFailure
from seqcli.report import attention
from seqcli.report.heatmap import CELL, STEPS, Looked, mean, outlines, shades
from seqcli.report.page import static
from tests.conftest import ENVIRONMENT
from tests.models.neural.test_translation import ATTEND, made
from tests.report.conftest import read
from tests.report.test_heatmap import cells, invented
from tests.report.test_page import HOSTILE


def found(tokens, ended=True):
    return Found(1, "".join("abcdef"[token - 1] for token in tokens), Hypothesis(tokens, -1.0, -0.5, ended))


def watched(name, lines=("abc", "f"), translations=((1, 2, 3, 4), ())):
    """A gallery that has seen some translations of a small model."""
    gallery = attention.Gallery(made(name), "toy")
    for number, (line, tokens) in enumerate(zip(lines, translations, strict=True), 1):
        gallery(number, line, [found(list(tokens)), found([1])])
    return gallery


# What a model says ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ATTEND)
def test_what_a_model_looked_at(name):
    gallery = watched(name)
    model = gallery.model
    first, second = gallery.looked()
    assert (first.line, first.text, first.translation) == (1, "abc", "abcd")
    assert (first.source, first.target) == ([*"abc", "</s>"], [*"abcd", "</s>"])
    assert (second.source, second.target) == (["f", "</s>"], ["</s>"])
    layers, heads = (model.recipe.decoder_layers or 2, 2) if name.startswith("transformer") else (1, 1)
    assert first.weights.shape == (layers, heads, 5, 4)
    assert np.allclose(first.weights.sum(-1), 1, atol=1e-5)
    (alone,) = model.alignments(model.prepare(["abc"]), [[1, 2, 3, 4]])
    assert np.allclose(first.weights, alone, atol=1e-5)
    assert np.allclose(mean(first), alone[-1].mean(0), atol=1 / STEPS)
    for layer, head in np.ndindex(layers, heads):
        assert np.allclose(mean(first, layer, head), alone[layer, head], atol=0.51 / STEPS)
    root = read(attention.page("toy", [first, second]))
    packed = base64.b64decode(root.all("section", class_="sentence")[0].attributes["data-weights"] or "")
    assert np.array_equal(np.frombuffer(packed, np.uint8).reshape(first.weights.shape), first.steps)
    assert [bool(root.all("select", id=each)) for each in ("layer", "head")] == [layers > 1, heads > 1]
    assert len(root.all("table", class_="heads")[0].all("tbody")[0].all("tr")) == layers * heads


def test_a_text_that_was_cut_has_no_end():
    gallery = attention.Gallery(made("bahdanau"), "toy")
    gallery(3, "ab", [found([1, 2], ended=False)])
    (looked,) = gallery.looked()
    assert (looked.line, looked.target, looked.weights.shape) == (3, ["a", "b"], (1, 1, 2, 3))


def test_several_models_and_many_lines():
    class Several:
        first = made("dot")

    gallery = attention.Gallery(Several(), "toy", limit=2)
    for line in range(1, 6):
        gallery(line, "ab", [found([1])])
    assert [each.line for each in gallery.looked()] == [1, 2]
    assert "the first 2 of 5 lines" in gallery.render(".html").decode()


def test_a_model_that_looks_nowhere():
    with pytest.raises(UsageFailure, match="does not look at its source"):
        attention.Gallery(made("none"), "toy")


def test_nothing_was_translated():
    gallery = attention.Gallery(made("dot"), "toy")
    assert "There is nothing to show." in gallery.render(".html").decode()
    for suffix in (".svg", ".png"):
        with pytest.raises(Failure, match="no line was translated"):
            gallery.render(suffix)


# The page ------------------------------------------------------------------------------------------------------------------


def test_the_page_without_script():
    sentences = [invented(line=4), invented(6, 3, seed=1, line=9)]
    root = read(attention.page("toy", sentences))
    for section, looked in zip(root.all("section", class_="sentence"), sentences, strict=True):
        for side in ("source", "target"):
            (listed,) = section.all("ol", class_=side)
            assert [item.text for item in listed.all("li")] == list(getattr(looked, side))
        paths = [path.attributes["d"] for path in section.all("g", class_="shades")[0].all("path")]
        assert np.array_equal(cells(paths, len(looked.target), len(looked.source)), shades(mean(looked)))
        rows = section.all("table", class_="greatest")[0].all("tbody")[0].all("tr")
        for row, token, weights in zip(rows, looked.target, mean(looked), strict=True):
            first, second = row.all("td")
            best = np.sort(weights)[::-1]
            assert first.text == token
            assert [float(span.text.split()[1]) for span in second.all("span")] == [round(w, 2) for w in best[:3] if w >= 0.05]
    assert [option.text for option in root.all("select", id="sentence")[0].all("option")] == ["4: source 4", "9: source 9"]
    assert root.all("form", class_="controls")[0].attributes.keys() >= {"hidden"}


def test_controls_are_those_that_choose():
    for layers, heads, sentences, expected in ((1, 1, 1, []), (1, 2, 1, ["head"]), (1, 1, 2, ["sentence"]), (2, 1, 1, ["layer"])):
        root = read(attention.page("toy", [invented(layers=layers, heads=heads, line=line) for line in range(sentences)]))
        assert [select.attributes["id"] for select in root.all("select")] == expected
        assert len(root.all("form")) == bool(expected)


def test_heads():
    """The kinds of heads that there are: one that looks at the diagonal, one that looks everywhere, one that waits at the end."""
    T, S = 8, 8
    end = np.zeros((T, S))
    end[:, -1] = 1
    weights = np.stack([np.eye(T, S), np.full((T, S), 1 / S), end])[None]
    looked = Looked(1, "", "", ["a"] * S, ["b"] * T, weights)
    found = attention.heads([looked, looked])
    assert found.entropy.round(4).tolist() == [[0, 3, 0]]
    assert found.distance.round(2).tolist() == [[0, 0.33, 0.44]]
    assert found.at_end.round(3).tolist() == [[0.125, 0.125, 1]]
    assert "Closest to the diagonal: layer 1, head 1." in attention.page("toy", [looked])
    rows = read(attention.page("toy", [looked])).all("table", class_="heads")[0].all("tbody")[0].all("tr")
    assert [cell.text for cell in rows[1].all("td")] == ["1.2", "", "3.00", "8.0", "33 %", "12 %"]


def test_nothing_is_loaded_and_everything_is_escaped():
    size = len(HOSTILE)
    hostile = Looked(1, HOSTILE[0], HOSTILE[2], HOSTILE, HOSTILE, np.full((2, 1, size, size), 1 / size, np.float32))
    text = attention.page(HOSTILE[0], [hostile, hostile])
    root = read(text)
    assert {node.tag for node in root.all()} == {node.tag for node in read(attention.page("toy", [invented(heads=1)] * 2)).all()}
    (script,) = root.all("script")
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()}'" in text
    assert not [key for node in root.all() for key in node.attributes if key.startswith("on")]
    assert not re.search(r"(?i)https?:|\burl\(|@import", static("attention.js") + static("attention.css"))
    assert "innerHTML" not in static("attention.js")
    assert text == attention.page(HOSTILE[0], [hostile, hostile])


def test_what_a_label_refers_to_is_there_once():
    root = read(attention.page("toy", [invented(line=line) for line in (1, 2)]))
    ids = [node.attributes["id"] for node in root.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    assert all(node.attributes["aria-labelledby"] in ids for node in root.all() if "aria-labelledby" in node.attributes)
    assert all(node.attributes.get("aria-label") for node in root.all("svg"))


def test_the_script_and_the_module_agree():
    assert int(re.findall(r"CELL = (\d+)", static("attention.js"))[0]) == CELL
    used = set(re.findall(r"var\(--([\w-]+)\)", static("attention.css")))
    assert used <= set(re.findall(r"--([\w-]+):", static("comparison.css")))


def test_size():
    """A hundred sentences of 25 tokens, six layers of eight heads: some megabytes."""
    sentences = [invented(25, 25, 6, 8, seed) for seed in range(3)]
    one, three = (len(attention.page("toy", some)) for some in (sentences[:1], sentences))
    assert (three - one) / 2 < 60_000


def test_nothing_heavy_is_imported():
    code = "import sys, seqcli.report.attention; print(*{'torch', 'rich', 'typer', 'tokenizers', 'matplotlib'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "\n"


# In a browser --------------------------------------------------------------------------------------------------------------

HELPERS = """
const byId = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const seen = () => all(".sentence").filter((node) => !node.hidden);
const paths = () => all(".shades path", seen()[0]).map((path) => path.getAttribute("d"));
const near = () => all(".greatest tbody tr", seen()[0]).map((row) => row.lastElementChild.textContent);
const pick = (id, value) => { byId(id).value = value; byId(id).dispatchEvent(new Event("change")); };
const shares = (side) => all(`.${side} li`, seen()[0]).map((item) => Number(item.style.getPropertyValue("--share")));
const at = () => all(".heat .at, .tokens .at", seen()[0]).map((node) => node.textContent);
const said = () => seen()[0].querySelector(".said").textContent;
const key = (name) => seen()[0].querySelector(".heat").dispatchEvent(new KeyboardEvent("keydown", { key: name, cancelable: true }));
const pointer = (kind, t, s) => {
  const svg = seen()[0].querySelector(".heat"), box = svg.getBoundingClientRect();
  const left = Number(svg.dataset.left) + 22 * (s + 0.5), top = Number(svg.dataset.top) + 22 * (t + 0.5);
  svg.dispatchEvent(new PointerEvent(kind, { clientX: box.left + left, clientY: box.top + top, bubbles: true }));
};
const marks = () => all(".heat .mark", seen()[0]).filter((node) => node.getClientRects().length).length;
"""


def near(looked, *choice):
    """The table of a choice, row by row."""
    found = []
    for weights in mean(looked, *choice):
        best = [s for s in np.argsort(-weights, kind="stable")[:3] if weights[s] >= 0.05]
        found.append("".join(f"{looked.source[s]} {weights[s]:.2f}" for s in best))
    return found


def test_choosing(chromium):
    sentences = [invented(line=1), invented(7, 6, seed=2, line=2)]
    text = attention.page("toy", sentences)
    script = """
    const steps = { first: [paths(), near()], lines: [seen().length, byId("back").disabled, byId("next").disabled] };
    byId("next").click();
    steps.second = [paths(), near()];
    steps.last = [byId("sentence").value, byId("back").disabled, byId("next").disabled];
    pick("layer", 0); pick("head", 1);
    steps.head = [paths(), near(), all(".heads .on button").map((node) => node.textContent)];
    pick("layer", 2); pick("head", 3);
    steps.all = [paths(), all(".heads .on").length];
    all(".heads button")[5].click();
    steps.button = [paths(), byId("layer").value, byId("head").value];
    pick("sentence", 0);
    steps.back = paths();
    steps.small = all(".heads canvas").map((canvas) => [canvas.width, canvas.height,
      canvas.getContext("2d").getImageData(0, 0, 4, 1).data.filter((value, i) => i % 4 === 3).join(" ")]);
    return steps;"""
    shown = chromium(text, HELPERS + script)
    assert not shown.console
    assert not chromium(text).console  # with its policy
    steps = shown.results
    first, second = sentences
    assert steps["first"] == [outlines(mean(first)), near(first)]  # as the file has it
    assert steps["lines"] == [1, True, False]
    assert steps["second"] == [outlines(mean(second)), near(second)]
    assert steps["last"] == ["1", False, True]
    assert steps["head"] == [outlines(mean(second, 0, 1)), near(second, 0, 1), ["1.2"]]
    assert steps["all"] == [outlines(mean(second, None, None)), 6]
    assert steps["button"] == [outlines(mean(second, 1, 2)), "1", "2"]
    assert steps["back"] == outlines(mean(first, 1, 2))
    for (wide, high, opacity), steps_of in zip(steps["small"], first.steps.reshape(6, 5, 4), strict=True):
        assert (wide, high) == (4, 5)
        assert [int(value) for value in opacity.split()] == pytest.approx(255 * np.sqrt(steps_of[0] / STEPS), abs=1)


def test_pointing(chromium):
    looked = invented(layers=1, heads=1)
    script = """
    const steps = { keys: document.querySelector(".keys").hidden, before: [at(), marks(), said()] };
    pointer("pointermove", 1, 2); steps.cell = [at(), marks(), said(), shares("source"), shares("target")];
    pointer("pointermove", 1, -1); steps.row = [at(), marks(), said()];
    pointer("pointermove", -1, 2); steps.column = [at(), marks(), said(), shares("source"), shares("target")];
    pointer("pointerleave", 0, 0); steps.left = [at(), marks(), said(), shares("source")];
    pointer("click", 3, 0); pointer("pointermove", 1, 1); pointer("pointerleave", 0, 0); steps.kept = at();
    pointer("click", 3, 0); steps.again = at();
    const written = all(".target li")[4];
    written.dispatchEvent(new PointerEvent("pointerenter")); steps.token = [at(), shares("source")];
    written.dispatchEvent(new PointerEvent("pointerleave")); steps.off = at();
    key("ArrowDown"); steps.start = at();
    key("ArrowDown"); key("ArrowRight"); key("ArrowRight"); key("ArrowUp"); key("ArrowDown"); steps.keyed = at();
    for (let i = 0; i < 9; i++) key("ArrowRight"); steps.edge = at();
    key("Escape"); steps.closed = at();
    return steps;"""
    shown = chromium(attention.page("toy", [looked]), HELPERS + script)
    assert not shown.console
    weights = mean(looked)
    roots = np.sqrt(weights).round(3)
    steps = shown.results
    assert steps["keys"] is False
    assert steps["before"] == [[], 0, ""]
    pair = ["▁s2", "▁t1"]
    assert steps["cell"][:3] == [pair * 2, 3, f"▁t1 looked at ▁s2: {weights[1, 2]:.2f}"]
    assert steps["cell"][3] == pytest.approx(roots[1], abs=1e-3)
    assert steps["cell"][4] == [0] * 5
    assert steps["row"] == [["▁t1"] * 2, 1, "Where the model looked before it wrote ▁t1"]
    assert steps["column"][:3] == [["▁s2"] * 2, 1, "When the model looked at ▁s2"]
    assert steps["column"][3] == [0] * 4
    assert steps["column"][4] == pytest.approx(roots[:, 2], abs=1e-3)
    assert steps["left"] == [[], 0, "", [0] * 4]
    assert sorted(steps["kept"]) == ["▁s0"] * 2 + ["▁t3"] * 2
    assert steps["again"] == []
    assert steps["token"][0] == ["</s>"] * 2
    assert steps["token"][1] == pytest.approx(roots[4], abs=1e-3)
    assert steps["off"] == []
    assert sorted(steps["start"]) == ["▁s0"] * 2 + ["▁t0"] * 2
    assert sorted(steps["keyed"]) == ["▁s2"] * 2 + ["▁t1"] * 2
    assert sorted(steps["edge"]) == ["</s>"] * 2 + ["▁t1"] * 2
    assert steps["closed"] == []


def test_light_and_dark(chromium):
    text = attention.page("toy", [invented()])
    script = """
    const colours = {};
    const of = (selector, key) => { colours[selector] = getComputedStyle(document.querySelector(selector))[key]; };
    of("html", "backgroundColor"); of(".heat text", "fill"); of(".heat .shades", "fill"); of(".tokens li", "color");
    of(".heads canvas", "color"); of(".heat .mark.band", "fill");
    return colours;"""
    light = chromium(text, script)
    dark = chromium(text.replace("screen and (prefers-color-scheme: dark)", "screen"), script)
    assert not light.console + dark.console
    assert all(light.results[key] != dark.results[key] for key in light.results), (light.results, dark.results)


def test_no_page_scrolls_sideways_and_hostile_words(chromium):
    words = [*HOSTILE, "W" * 400]
    weights = np.full((2, 2, len(words), len(words)), 1 / len(words), np.float32)
    looked = Looked(1, "W" * 400, "W" * 400, words, words, weights)
    script = """
    document.body.style.maxWidth = "328px";
    document.body.style.width = "328px";
    for (const details of all("details")) details.open = true;
    const edge = document.body.getBoundingClientRect().right;
    const boxes = (node) => [node, ...(node.matches(".scroll, svg, select") ? [] : [...node.children].flatMap(boxes))];
    const outside = (node) => node.getBoundingClientRect().right > edge + 1;
    return boxes(document.querySelector("body")).filter(outside).map((node) => node.outerHTML.slice(0, 100));"""
    shown = chromium(attention.page("W" * 400, [looked, looked]), HELPERS + script)
    assert not shown.console
    assert shown.results == []
    assert not shown.root.all("img")


def test_an_empty_page_in_a_browser(chromium):
    shown = chromium(attention.page("toy", []))
    assert not shown.console
