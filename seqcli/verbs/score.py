"""`seq score`: outputs beside references, numbers out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from seqcli.data.blocks import check_readable
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, choose, note, nothing_to_read

STDIN = Path("-")


def score(
    context: typer.Context,
    reference: Annotated[
        Path | None, typer.Argument(metavar="REF", show_default=False, help="What is right: CoNLL-U, or token, tab, tag.")
    ] = None,
    systems: Annotated[list[Path] | None, typer.Argument(metavar="HYP", help="Outputs; none is stdin.")] = None,
    *,
    model: Annotated[str, typer.Option("-m", "--model", help="Score the text of REF by a model.")] = "",
    metric: Annotated[str, typer.Option(help="Only these, comma-separated, in this order.")] = "",
    column: Annotated[str, typer.Option(help="Column of CoNLL-U that holds the tag: upos, xpos or feats.")] = "upos",
    train: Annotated[list[Path] | None, typer.Option(help="Words that do not occur in it are unknown.")] = None,
    by_line: Annotated[bool, typer.Option("--by-line", help="One row a sentence.")] = False,
    brief: Annotated[bool, typer.Option("-b", "--brief", help="One number alone: the first score.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines: an object a system and metric.")] = False,
    details: Annotated[bool, typer.Option("--details", help="Several systems: each in full, too.")] = False,
    confusions: Annotated[int, typer.Option(min=0, help="How many confused pairs of tags to show.")] = 10,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap draws behind the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 12345,
    errors: Annotated[str, typer.Option(help="Invalid UTF-8: strict or replace.")] = "strict",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
) -> None:
    """Score tagged text against a reference.

    Accuracy over all words, known and unknown ones and whole sentences, macro-F1, precision, recall and F1 of each tag,
    and the confusions that cost most, with 95 % bootstrap intervals over sentences. Where the files cut the text
    differently they are aligned as in the CoNLL 2018 shared task, and F1 of tags, words, tokens and sentences comes
    first; the other scores are then of the aligned words.

    \b
        seq score gold.conllu system.conllu --train train.conllu
        seq tag raw.txt -f tsv | seq score gold.conllu
        seq score gold.tsv a.tsv b.tsv --metric accuracy,f1/NOUN
        seq score gold.tsv a.tsv --by-line | sort -n | head

    \b
    Metrics:
        accuracy  accuracy/known  accuracy/unknown  accuracy/sentence
        macro-f1  f1 (every tag)  f1/NOUN (one tag)  confusion
        words  tokens  sentences  upos (or xpos, feats: the --column)

    \b
    A model as the scorer: log-likelihood (nats), words and perplexity of each line.
        seq score -m my-hmm text.txt

    JSON objects have system, name, score (percent), low and high (the interval), the counts behind the score and a
    signature. The score of confusion/GOLD>PREDICTED is its percent of all errors. Rows of --by-line are score, right
    tags, words, words of the system, line in REF and text, with a tab between; the system comes first where there are
    several.
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    if nothing_to_read([*([reference] if model and reference else []), *(systems or [])]):
        note(context.get_help())
        raise typer.Exit
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring
    from seqcli.metrics import Request, evaluate, report

    if model:
        files = [file for file in (reference, *(systems or ())) if file is not None]
        score_text(model, files, json, brief, errors, output)
        return
    if reference is None:
        raise UsageFailure("no reference named", hint="seq score REF [HYP]..., or -m MODEL TEXT")
    choose(column, ("upos", "xpos", "feats"), "--column")
    choose(errors, ("strict", "replace"), "--errors")
    systems, train = systems or [STDIN], train or []
    check_files([reference, *systems, *train])
    request = Request(
        reference=reference,
        systems=systems,
        metrics=tuple(name.strip() for name in metric.split(",") if name.strip()),
        column=column,
        train=train,
        confusions=confusions,
        resamples=0 if brief or by_line else resamples,
        seed=seed,
        errors=errors,
    )
    evaluations = evaluate(request)
    if by_line:
        lines = report.by_line(evaluations, as_objects=json)
    elif brief:
        lines = report.brief(evaluations)
    elif json:
        lines = report.json_lines(evaluations)
    else:
        lines = report.text(evaluations, details)
    with Output(output) as out:
        out.write("".join(f"{line}\n" for line in lines).encode())


def score_text(model: str, files: Sequence[Path], json: bool, brief: bool, errors: str, output: Path | None) -> None:
    """What a model makes of each line; the sum goes to standard error, or alone to the output when `brief`."""
    from seqcli.data.blocks import blocks
    from seqcli.models.registry import open_tagger
    from seqcli.tasks.likelihood import Likelihood, perplexity
    from seqcli.tasks.tagging import Job
    from seqcli.text.segment import RuleSegmenter
    from seqcli.verbs.tag import guess

    choose(errors, ("strict", "replace"), "--errors")
    source = guess(list(files))
    folder, tagger = open_tagger(model)
    segmenter = None if source == "conllu" else RuleSegmenter(folder.config.get("language", "en"))
    job = Job(tagger, segmenter, source=source, errors=errors)
    scorer = Likelihood(job, json)
    with Output(output) as out:
        for part in scorer(blocks(files, job.separator)):
            if not brief:
                out.write(part)
        summary = perplexity(scorer.total, scorer.words)
        if brief:
            out.write(f"{summary:.4f}\n".encode())
        else:
            note(f"{scorer.words} words, log-likelihood {scorer.total:.4f}, perplexity of a word {summary:.4f}")


def check_files(files: Sequence[Path]) -> None:
    """Refuse files that cannot be read before the first is."""
    if files.count(STDIN) > 1:
        raise UsageFailure("standard input can be read only once", hint="name files for all but one of REF, HYP, --train")
    for file in files:
        check_readable(file)
