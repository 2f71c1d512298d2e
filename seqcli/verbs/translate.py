"""`seq translate`: a line in, its translation out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.data.blocks import blocks
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, Progress, choose, note, nothing_to_read
from seqcli.verbs import search

if TYPE_CHECKING:
    from seqcli.tasks.translation import Job

DEFAULT_MODEL = "en-de"


def translate(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Files to translate; none, or -, is standard input.")] = None,
    models: Annotated[list[str] | None, typer.Option("-m", "--model", help="A shipped model or a folder; or several. [en-de]")] = None,
    width: search.Width = None,
    greedy: search.Greedy = False,
    sample: search.Sample = False,
    mbr: search.Mbr = None,
    nbest: search.Nbest = None,
    samples: search.Samples = None,
    temperature: search.Temperature = None,
    top_k: search.TopK = None,
    top_p: search.TopP = None,
    typical: search.Typical = None,
    min_p: search.MinP = None,
    seed: search.Seed = None,
    utility: search.Utility = None,
    max_length: search.MaxLength = None,
    min_length: search.MinLength = None,
    normalize: search.Normalize = None,
    length_penalty: search.LengthPenalty = None,
    coverage: search.Coverage = None,
    stop: search.Stop = None,
    no_repeat: search.NoRepeat = None,
    repetition_penalty: search.RepetitionPenalty = None,
    diverse: search.Diverse = None,
    diversity: search.Diversity = None,
    prefix: search.Prefix = None,
    constraint: search.Constraint = None,
    until: search.Until = None,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
    alignment: Annotated[bool, typer.Option("--alignment", help="With --json: where the model looked for each token.")] = False,
    attention: Annotated[Path | None, typer.Option(help="Also a page of where the model looked; .svg, .png: the first line.")] = None,
    engine: Annotated[str, typer.Option(help="auto, ctranslate2 (Transformers on a CPU, faster) or torch (everything).")] = "auto",
    int8: Annotated[bool, typer.Option("--int8", help="ctranslate2: round weights to 8 bits, which is faster still.")] = False,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=0, help="Threads; 0: as many as processors.")] = None,
    errors: Annotated[str, typer.Option(help="Invalid UTF-8: strict or replace.")] = "strict",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
) -> None:
    """Translate line by line: English to German, or with -m de-en, or a model of your own (seq train transformer, seq2seq).

    A line in is a line out, blank ones included. A line too long for the model is cut into sentences.

    \b
        echo "Where is the station?" | seq translate
        seq translate book.en -m my-en-de --beam 8 -o book.de
        seq translate book.en -m first -m second --nbest 3 --json
        seq translate notes.en -m my-en-de --prefix "Wir" --constrain Bahnhof
        seq translate notes.en -m my-en-de --attention where.html
        seq translate book.en -m my-en-de --int8 > book.de

    --engine auto lets CTranslate2 translate what it translates as torch does: Transformers, greedily or by beam search, by all cores.

    JSON objects have line, source, rank, text, log_prob (of all tokens and the end, nats), score (what texts are ranked by), tokens,
    ended (false: cut at the maximal length) and, of --mbr, utility. Why a model errs, and whose fault it is: seq beam --ref.
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    if nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    choose(errors, ("strict", "replace"), "--errors")
    if alignment and not json:
        raise UsageFailure("--alignment is told with --json only")
    given: dict[str, Any] = {
        **search.asked(locals()),
    }  # fmt: skip
    choose(engine, ("auto", "torch", "ctranslate2"), "--engine")
    if attention is not None:
        from seqcli.report.vectors import form

        form(attention)
    job = opened(models or [], given | {"--alignment": alignment or attention is not None}, jobs, engine, int8)
    job.as_objects, job.alignment, job.errors = json, alignment, errors
    if attention is not None:
        from seqcli.report.attention import Gallery

        job.watch = gallery = Gallery(job.generator, " + ".join(models or [DEFAULT_MODEL]))
    with Output(output) as out:
        for part in job(Progress(quiet).watch(blocks(files))):
            out.write(part)
    if attention is not None:
        with Output(attention) as out:
            out.write(gallery.render(attention.suffix.lower()))
        if gallery.lines > gallery.limit:
            note(f"seq translate: {attention} shows the first {gallery.limit} lines", quiet)
    if job.cut:
        some = ", ".join(map(str, job.cut[:5])) + " …" * (len(job.cut) > 5)
        note(f"seq translate: sentences longer than what the model has learned were cut up (line {some})", quiet)


def opened(names: list[str], given: dict[str, Any], jobs: int | None, engine: str = "auto", int8: bool = False) -> Job:
    """The models, and how they are to be asked.

    Raises:
        UsageFailure: options contradict each other.
        Failure: a model cannot be read, or is not for translation.
    """
    from seqcli.data import folder
    from seqcli.decode.generate import plan
    from seqcli.engines.choice import open_translator
    from seqcli.tasks import translation
    from seqcli.text.segment import RuleSegmenter
    from seqcli.workers import processors

    names = names or [DEFAULT_MODEL]
    threads = jobs or processors()
    if jobs is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    found, generator = open_translator([folder.find(name) for name in names], engine, int8, given, threads)
    if jobs is not None and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    for option, text in (("--prefix", given["--prefix"] or ""), *(("--constrain", phrase) for phrase in given["--constraint"] or ())):
        translation.check_writable(generator, option, text)
    chosen = plan({option: value for option, value in given.items() if option != "--alignment"}, generator)
    return translation.Job(generator, chosen, RuleSegmenter(found.config.get("language", "en")))
