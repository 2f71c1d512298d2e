"""`seq score` against sacreBLEU, rouge-score, jiwer and rapidfuzz: whole commands on the same files, the same numbers.

The 1,000 and 30,000 segments are the systems of WMT 2021 beside its references; the million are those again and again, with
every fifth word replaced by one of 300,000 from books, so that no cache of words is of use that would not be elsewhere.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from seqcli.data.blocks import blocks
from tests.bench.harness import DATA, SEQ, WORK, run_once, table

SACREBLEU = str(Path(sys.executable).with_name("sacrebleu"))
ROUGE = """
import sys
from rouge_score.rouge_scorer import RougeScorer
scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=sys.argv[3] == "stem")
sums = [0, 0, 0, 0]
for n, (ref, hyp) in enumerate(zip(open(sys.argv[1]), open(sys.argv[2])), 1):
    for i, score in enumerate(scorer.score(ref.rstrip("\\n"), hyp.rstrip("\\n")).values()):
        sums[i] += score.fmeasure
print(*(f"{100 * s / n:.6f}" for s in sums), sep="\\n")
"""
JIWER = """
import sys, jiwer
ref, hyp = ([line.rstrip("\\n") for line in open(path)] for path in sys.argv[1:3])
print(f"{100 * jiwer.wer(ref, hyp):.6f}")
"""
RAPIDFUZZ = """
import re, sys
from rapidfuzz.distance import Levenshtein
blanks = re.compile(r"\\s\\s+")
edits = words = 0
for ref, hyp in zip(open(sys.argv[1]), open(sys.argv[2])):
    ref, hyp = (blanks.sub(" ", line).strip().split(" ") for line in (ref, hyp))
    edits += Levenshtein.distance(ref, hyp)
    words += len(ref)
print(f"{100 * edits / words:.6f}")
"""


def main() -> None:
    """All rows, then what no peer can do."""
    WORK.mkdir(parents=True, exist_ok=True)
    small, middle, large = (pairs(count) for count in (1_000, 30_000, 1_000_000))
    jobs = [
        ("BLEU, 1,000 segments", 9, "bleu", [], sacrebleu(small, "bleu")),
        ("BLEU, 30,000", 5, "bleu", [], sacrebleu(middle, "bleu")),
        ("BLEU with interval, 30,000", 3, "bleu", ["--confidence"], sacrebleu(middle, "bleu", "--confidence")),
        ("chrF, 30,000", 3, "chrf", [], sacrebleu(middle, "chrf")),
        ("TER, 30,000", 1, "ter", [], sacrebleu(middle, "ter")),
        ("ROUGE-1, 2, L, Lsum, 30,000; rouge-score", 3, "rouge", [], script(ROUGE, middle, "plain")),
        ("the same with stemmer", 3, "rouge", ["--stem"], script(ROUGE, middle, "stem")),
        ("WER, 30,000; jiwer", 5, "wer", [], script(JIWER, middle)),
        ("WER, 30,000; rapidfuzz", 5, "wer", [], script(RAPIDFUZZ, middle)),
        ("WER, 1,000,000; jiwer", 1, "wer", [], script(JIWER, large)),
        ("BLEU, 1,000,000", 1, "bleu", [], sacrebleu(large, "bleu")),
    ]

    def row(name: str, runs: int, metric: str, flags: Sequence[str], peer: Sequence[str]) -> list[str]:
        files = small if "1,000 s" in name else large if "1,000,000" in name else middle
        return [name, *against([SEQ, "score", *files[:2], "--metric", metric, "--json", *flags], peer, runs)]

    header = ["", "seq", "peer", "ratio", "largest process: seq", "peer"]
    table(
        "Scoring: whole commands against sacreBLEU, unless another peer is named; the same numbers", header, (row(*job) for job in jobs)
    )
    seconds, megabytes = run_once([SEQ, "score", *large, "--metric", "bleu", "--paired", "bs"])
    print(f"\nPaired bootstrap of two systems over 1,000,000 segments: {seconds:.1f} s, {megabytes:.0f} MB")
    least = median(run_once([sys.executable, "-c", "import typer, numpy"])[0] for _ in range(9))
    print(f"`python -c 'import typer, numpy'`, without which no command here starts: {least:.2f} s")


def sacrebleu(files: Sequence[str], metric: str, *flags: str) -> list[str]:
    """The command of sacreBLEU that does the same."""
    return [SACREBLEU, files[0], "-i", files[1], "-m", metric, "-w", "6", "-f", "text", *flags]


def script(source: str, files: Sequence[str], *flags: str) -> list[str]:
    """A peer that has no command, or another one, behind the least of scripts."""
    return [sys.executable, "-c", source, *files[:2], *flags]


def against(ours: Sequence[str], theirs: Sequence[str], runs: int) -> list[str]:
    """Medians of both in turn, their ratio and memory; a stop where the numbers differ."""
    costs: list[list[tuple[float, float]]] = [[], []]
    said = [WORK / "ours.out", WORK / "theirs.out"]
    for _ in range(runs):
        for command, cost, file in zip((ours, theirs), costs, said, strict=True):
            cost.append(run_once(command, stdout=str(file)))
    same_numbers(*(file.read_text() for file in said))
    (seconds, megabytes), (their_seconds, their_megabytes) = ([median(column) for column in zip(*cost, strict=True)] for cost in costs)
    ratio = f"{their_seconds / seconds:.1f} ×"
    return [f"{seconds:.2f} s", f"{their_seconds:.2f} s", ratio, f"{megabytes:.0f} MB", f"{their_megabytes:.0f} MB"]


def same_numbers(ours: str, theirs: str) -> None:
    """Every score and half-width of ours stands in what the peer says, to six decimals."""
    for record in map(json.loads, ours.split("\n")[:-1]):
        for key in ("score", "confidence_var"):
            if key in record and f"{record[key]:.6f}" not in theirs:
                raise SystemExit(f"{record['name']}: {key} {record[key]:.6f} is not in:\n{theirs}")


def pairs(count: int) -> list[str]:
    """Files of a reference and of two systems, so many segments each; written the first time."""
    files = [WORK / f"{name}.{count}" for name in ("ref", "hyp", "other")]
    if not all(file.exists() for file in files):
        print(f"writing {count:,} segments", file=sys.stderr)
        segments = islice(wmt() if count <= 30_000 else varied(), count)
        with files[0].open("w") as ref, files[1].open("w") as hyp, files[2].open("w") as other:
            for texts in segments:
                for out, text in zip((ref, hyp, other), texts, strict=True):
                    out.write(text + "\n")
    return [str(file) for file in files]


def wmt() -> Iterator[tuple[str, str, str]]:
    """Each system of WMT 2021, and the one after it, beside each reference."""
    for direction in ("en-de", "de-en"):
        folder = DATA / "wmt21" / direction
        systems = sorted(folder.glob("hyp.*"))
        for reference in sorted(folder.glob("ref.*")):
            for i, system in enumerate(systems):
                files = (reference, system, systems[(i + 1) % len(systems)])
                texts = (file.read_text(encoding="utf-8").replace("\r", "").split("\n")[:-1] for file in files)
                yield from zip(*texts, strict=True)


def varied() -> Iterator[tuple[str, str, str]]:
    """The same without end, with new words."""
    rng = random.Random(1)
    words = vocabulary()
    for texts in cycle(list(wmt())):
        new: dict[str, str] = {}
        rows = [text.split(" ") for text in texts]
        for row in rows:
            for i in range(0, len(row), 5):
                if row[i] not in new:
                    new[row[i]] = words[int(rng.random() ** 2 * len(words))]
                row[i] = new[row[i]]
        first, second, third = (" ".join(row) for row in rows)
        yield first, second, third


def vocabulary(size: int = 300_000) -> list[str]:
    """So many words of books, as they stand between blanks."""
    words: set[str] = set()
    for name in ("openstax", "ebooks"):
        for block in blocks([DATA / "corpus" / f"{name}.txt.xz"]):
            for line in block.lines():
                words.update(line.split())
            if len(words) > size:
                return sorted(words)[:size]
    return sorted(words)
