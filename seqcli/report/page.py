"""The page of a `Comparison`: one HTML document that needs nothing else, and without script loses only what moves.

All texts stand in the document itself. The script sorts, filters and marks them; `comparison.html`, `.css` and `.js` are
the parts that are the same for all.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from seqcli.report import charts
from seqcli.report.comparison import EDGES, Comparison, CorpusScore, Example, MetricColumn
from seqcli.report.markup import count, element, fill, name, number, options, signed, text

STARS = (0.001, "***"), (0.01, "**"), (0.05, "*")
ORDERS = ("largest difference", "first system ahead", "second system ahead", "first system worst", "second system worst", "line")


def page(comparison: Comparison) -> str:
    """The comparison as an HTML document; the same input gives the same text."""
    style, script = static("comparison.css"), static("comparison.js")
    return fill(
        static("comparison.html"),
        title=text(comparison.title),
        digest=b64encode(sha256(script.encode()).digest()).decode(),
        style=style,
        script=script,
        marks=charts.marks(),
        size=sizes(comparison),
        legend=legend(comparison),
        scores=score_table(comparison),
        signatures=signatures(comparison.metrics),
        tabs=tabs(comparison.metrics),
        lengths=length_charts(comparison),
        histograms=histogram_charts(comparison),
        lower=",".join(str(int(metric.lower_is_better)) for metric in comparison.metrics),
        intervals=score_note(comparison),
        histogram_note=histogram_note(comparison.systems),
        controls=controls(comparison),
        selection=selection_note(comparison),
        segments="".join(segment(comparison, example) for example in comparison.examples),
    )


def static(file: str) -> str:
    """A part of the page that is the same for all."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def sizes(comparison: Comparison) -> str:
    """How much is compared."""
    counts = (comparison.segments, "segment"), (len(comparison.systems), "system"), (len(comparison.metrics), "metric")
    return " · ".join(count(*pair) for pair in counts)


def legend(comparison: Comparison) -> str:
    """The systems with their marks."""
    return "".join(element("li", charts.key(s) + name(system)) for s, system in enumerate(comparison.systems))


def arrow(metric: MetricColumn) -> str:
    """A metric's name and which way is better."""
    sign, words = ("↓", "lower is better") if metric.lower_is_better else ("↑", "higher is better")
    return name(metric.name) + f' <span class="way" title="{words}" aria-hidden="true">{sign}</span><span class="unseen">{words}</span>'


def score_table(comparison: Comparison) -> str:
    """Systems by metrics: score, interval, difference to the first system and how sure it is."""
    heads = "".join(element("th", arrow(metric), scope="col") for metric in comparison.metrics)
    columns = list(zip(*comparison.scores, strict=True))  # (M, S)
    extents = [extent(column) for column in columns]
    bests = [best(column, metric.lower_is_better) for column, metric in zip(columns, comparison.metrics, strict=True)]
    rows = []
    for s, (system, scores) in enumerate(zip(comparison.systems, comparison.scores, strict=True)):
        note = '<span class="note">baseline</span>' if s == 0 and len(comparison.systems) > 1 else ""
        cells = [
            score_cell(score, comparison.scores[0][m] if s else None, extents[m], printed(score.score) == bests[m])
            for m, score in enumerate(scores)
        ]
        rows.append(element("tr", element("th", charts.key(s) + name(system) + note, scope="row") + "".join(cells)))
    head = element("thead", element("tr", element("th", "system", scope="col") + heads))
    return element("table", element("caption", "Scores", class_="unseen") + head + element("tbody", "".join(rows)), class_="scores")


def score_note(comparison: Comparison) -> str:
    """What stands in the cells of the table of scores."""
    scores = [score for row in comparison.scores for score in row]
    notes = []
    if any(math.isfinite(score.low) for score in scores):
        notes.append("Ranges and bars are 95 % intervals.")
    if len(comparison.systems) > 1:
        tested = any(math.isfinite(score.p_value) for score in scores)
        stars = ", ".join(f"{stars} p &lt; {bound}" for bound, stars in reversed(STARS))
        notes.append(f"Differences{' and p-values' if tested else ''} are against the first system, {name(comparison.systems[0])}"
                     + (f": {stars}." if tested else "."))  # fmt: skip
    return " ".join(notes)


def score_cell(score: CorpusScore, baseline: CorpusScore | None, extent: tuple[float, float], is_best: bool) -> str:
    """One score and what is known of it."""
    mark = '<span class="best">best</span> ' if is_best else ""
    parts = [f'<span class="score">{mark}{number(score.score)}</span>']
    if math.isfinite(score.low):
        parts.append(charts.whisker(score.score, score.low, score.high, extent))
        parts.append(f'<span class="note">{number(score.low)} – {number(score.high)}</span>')
    if baseline is not None and math.isfinite(score.score - baseline.score):
        sure = f", {chance(score.p_value)}" if math.isfinite(score.p_value) else ""
        parts.append(f'<span class="note">{signed(score.score - baseline.score)}{sure}</span>')
    return element("td", "".join(parts))


def chance(p_value: float) -> str:
    """A p-value and its stars, as HTML.

    >>> chance(0.0321), chance(0.0002), chance(0.4)
    ('p = 0.032 <b>*</b>', 'p &lt; 0.001 <b>***</b>', 'p = 0.400')
    """
    stars = next((f" <b>{stars}</b>" for bound, stars in STARS if p_value < bound), "")
    return ("p &lt; 0.001" if p_value < 0.001 else f"p = {p_value:.3f}") + stars


def extent(column: Sequence[CorpusScore]) -> tuple[float, float]:
    """The least and the greatest end of a column's intervals."""
    ends = [value for score in column for value in (score.low, score.high, score.score) if math.isfinite(value)]
    return (min(ends), max(ends)) if ends else (0.0, 0.0)


def best(column: Sequence[CorpusScore], lower_is_better: bool) -> str | None:
    """The best of several scores as it is printed, so that what looks equal is marked alike; None of a single one."""
    known = [score.score for score in column if math.isfinite(score.score)]
    return printed((min if lower_is_better else max)(known)) if len(known) > 1 else None


def printed(score: float) -> str:
    """A score with the decimals of the table."""
    return number(score)


def signatures(metrics: Sequence[MetricColumn]) -> str:
    """What another needs to compute the same numbers, to be copied."""
    rows = [
        element("dt", name(metric.name))
        + element("dd", element("code", text(metric.signature)) + '<button type="button" class="copy" hidden>Copy</button>')
        for metric in metrics
        if metric.signature
    ]
    return element("dl", "".join(rows), class_="signatures") if rows else ""


def tabs(metrics: Sequence[MetricColumn]) -> str:
    """The choice of the metric that the charts show; the script makes it visible."""
    choices = (
        f'<label><input type="radio" name="metric" value="{m}"{"" if m else " checked"}> {name(metric.name)}</label>'
        for m, metric in enumerate(metrics)
    )
    return element("fieldset", '<legend class="unseen">Metric of the charts</legend>' + "".join(choices), class_="tabs", hidden="")


def by_metric(metrics: Sequence[MetricColumn], contents: Sequence[str]) -> str:
    """A chart a metric; the script shows one of them."""
    return "".join(
        element("div", element("h4", arrow(metric)) + content, class_="chart", data_metric=str(m))
        for m, (metric, content) in enumerate(zip(metrics, contents, strict=True))
    )


def length_charts(comparison: Comparison) -> str:
    """Score by length, a chart a metric."""
    lengths = comparison.lengths
    drawn = [
        charts.by_length(metric.name, comparison.systems, lengths.labels, lengths.segments, lengths.scores[:, m], lengths.side)
        for m, metric in enumerate(comparison.metrics)
    ]
    return by_metric(comparison.metrics, drawn)


def histogram_charts(comparison: Comparison) -> str:
    """Segments by score, a group of charts a metric."""
    drawn = [
        charts.histogram(metric.name, comparison.systems, EDGES, comparison.histograms[:, m])
        for m, metric in enumerate(comparison.metrics)
    ]
    return by_metric(comparison.metrics, drawn)


def histogram_note(systems: Sequence[str]) -> str:
    """How to read the histograms."""
    lines = f" The lines across the bars are the heights of {name(systems[0])}." if len(systems) > 1 else ""
    return "Share of segments by their score." + lines


def controls(comparison: Comparison) -> str:
    """Choice of systems, metric and order, and the search; the script makes it visible."""
    several = len(comparison.systems) > 1
    second = [select("second", "compared with", comparison.systems, 1), '<button type="button" id="swap">Swap</button>']
    orders = list(enumerate(ORDERS)) if several else [(3, "worst"), (5, "line")]
    choices = "".join(f'<option value="{value}">{label}</option>' for value, label in orders)
    parts = [
        select("first", "system", comparison.systems, 0),
        *(second if several else []),
        select("by", "metric", [metric.name for metric in comparison.metrics], 0),
        f'<label>order <select id="order">{choices}</select></label>',
        '<label class="search">search <input id="search" type="search" autocomplete="off" placeholder="words of any text"></label>',
        *(['<label class="check"><input id="all" type="checkbox"> all systems</label>'] if len(comparison.systems) > 2 else []),
    ]
    return "".join(parts)


def select(identity: str, label: str, choices: Sequence[str], chosen: int) -> str:
    """A labelled list to choose from."""
    return f'<label>{label} <select id="{identity}">{options(choices, chosen)}</select></label>'


def selection_note(comparison: Comparison) -> str:
    """Which segments are on the page."""
    shown, kind = len(comparison.examples), "where systems differ most" if len(comparison.systems) > 1 else "with the worst scores"
    if shown >= comparison.segments:
        return f"All {count(shown, 'segment')}." if shown != 1 else "The only segment."
    return f"{count(shown)} of {count(comparison.segments, 'segment')}, those {kind}."


def segment(comparison: Comparison, example: Example) -> str:
    """A segment: references, then what each system says and its scores."""
    several = len(example.references) > 1
    rows = [
        row(f"reference {i}" if several else "reference", reference, class_="reference")
        for i, reference in enumerate(example.references, 1)
    ]
    for s, (system, hypothesis) in enumerate(zip(comparison.systems, example.hypotheses, strict=True)):
        values = example.scores[s].tolist()
        shown = " ".join(
            element("span", f"{name(metric.name)} {number(value)}", data_metric=str(m))
            for m, (metric, value) in enumerate(zip(comparison.metrics, values, strict=True))
        )
        scores = ",".join(f"{value:.4f}" if math.isfinite(value) else "" for value in values)
        rows.append(row(system, hypothesis, charts.key(s), shown, class_="hypothesis", data_system=str(s), data_scores=scores))
    head = element("h3", f"Segment {example.line}", tabindex="-1") + '<p class="gap"></p>'
    return element("article", head + element("dl", "".join(rows)), class_="segment", data_line=str(example.line), translate="no") + "\n"


def row(who: str, words: str, key: str = "", scores: str = "", **attributes: str) -> str:
    """One text of a segment, with whose it is."""
    label = element("dt", key + name(who) + (element("span", scores, class_="values") if scores else ""))
    return element("div", label + element("dd", text(words), dir="auto", lang=""), **attributes)
