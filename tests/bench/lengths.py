"""What translators lose on long sentences: `python -m tests.bench lengths SRC REF MODEL [MODEL…]`.

Translates SRC by each model, and prints BLEU by the words of the source as a table; the page has it as a plot, with the translations.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from seqcli.data import folder
from seqcli.data.blocks import blocks
from seqcli.decode.generate import plan
from seqcli.metrics import Request, evaluate
from seqcli.metrics.report import Evaluation
from seqcli.report.comparison import Lengths
from seqcli.report.gather import Gatherer
from seqcli.report.lengths import ByLength, bins_of
from seqcli.tasks import translation
from seqcli.text.segment import RuleSegmenter
from tests.bench.harness import WORK, table


def main(arguments: list[str] | None = None) -> None:
    """The table and the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench lengths", description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--bins", default="8,12,16,21", help="words at which they begin, or how many of equal size")
    parser.add_argument("--beam", type=int, default=5, help="1 is greedy")
    parser.add_argument("--metric", default="bleu")
    parser.add_argument("--html", type=Path, default=WORK / "lengths.html")
    given = parser.parse_args(arguments)
    names = [Path(model).name for model in given.models]
    with TemporaryDirectory() as where:
        systems = [Path(where) / (f"{number}.{name}" if names.count(name) > 1 else name) for number, name in enumerate(names, 1)]
        for model, system in zip(given.models, systems, strict=True):
            system.write_bytes(translated(given.source, model, given.beam))
        request = Request(reference=given.reference, systems=systems, metrics=(given.metric,), resamples=0)
        lengths = ByLength(len(systems), bins_of(given.bins), given.source)
        page = Gatherer(given.reference.name, len(systems), lengths=lengths)
        evaluations = evaluate(request, page)
    told(evaluations, lengths.scores())
    given.html.parent.mkdir(parents=True, exist_ok=True)
    given.html.write_text(page.page(evaluations))
    print(f"\n{given.html}")


def translated(source: Path, model: str, beam: int) -> bytes:
    """The translations of a file."""
    found = folder.read(Path(folder.find(model)))
    generator = translation.load([found])
    chosen = plan({"--greedy": True} if beam == 1 else {"--beam": beam}, generator)
    job = translation.Job(generator, chosen, RuleSegmenter(found.config.get("language", "en")))
    return b"".join(job(blocks([source])))


def told(evaluations: list[Evaluation], found: Lengths) -> None:
    """A row a model: the whole, the bins, and what is lost from the shortest to the longest."""
    used = [k for k, count in enumerate(found.segments) if count]
    rows = []
    for s, evaluation in enumerate(evaluations):
        scores = [float(found.scores[s, 0, k]) for k in used]
        numbers = [evaluation.headline[0].score, *scores, scores[-1] - scores[0]]
        rows.append([Path(evaluation.system).name, *(f"{value:.2f}" for value in numbers)])
    columns = [f"{found.labels[k]} ({found.segments[k]:,})" for k in used]
    name = evaluations[0].headline[0].name
    table(f"{name} by words of the source (sentences)", ["model", "all", *columns, "last − first"], rows)


if __name__ == "__main__":
    main()
