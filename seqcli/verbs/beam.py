"""`seq beam`: a prompt in, ranked texts out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.data.blocks import blocks, check_readable
from seqcli.errors import Failure, UsageFailure
from seqcli.terminal import Output, choose, note, nothing_to_read
from seqcli.verbs import search

if TYPE_CHECKING:
    from seqcli.decode.generate import Generator, Plan, Writer

PAGE_LINES = 50  # whose searches fit on one page
TOLD = ("--json", "--errors", "--truncate", "-q")  # what does not change a search


def beam(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Prompts, one a line; none, or -, is standard input.")] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="A model folder, or a shipped model that generates.")] = "",
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
    truncate: Annotated[bool, typer.Option("--truncate", help="Keep the end of prompts that are too long.")] = False,
    reference: Annotated[Path | None, typer.Option("--ref", help="What is right, a line each: whose are the errors?")] = None,
    sweep: Annotated[str | None, typer.Option(metavar="1,2,4", help="Compare widths: scores (--ref), log P, time.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Each step: what was kept and dropped.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also a page: the lattice of each search, or the sweep.")] = None,
    engine: Annotated[str, typer.Option(help="auto, ctranslate2 (gpt on a CPU, faster) or torch (everything).")] = "auto",
    int8: Annotated[bool, typer.Option("--int8", help="ctranslate2: round weights to 8 bits.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines.")] = False,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", min=0, help="Threads; 0: as many as processors.")] = None,
    errors: Annotated[str, typer.Option(help="Invalid UTF-8: strict or replace.")] = "strict",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
) -> None:
    """Write texts with any model that generates: beam search, greedy, sampling, minimum Bayes risk.

    A prompt a line; an empty line asks for a text from nothing. Printed is what comes after the prompt.

    \b
        echo "The cat" | seq beam -m my-lm
        echo | seq beam -m my-lm --sample --samples 5 --top-p 0.9
        seq beam prompts.txt -m my-lm --beam 8 --nbest 4 --json
        seq beam prompts.txt -m my-lm --mbr 64 --utility bleu
        seq beam prompts.txt -m my-lm --ref right.txt
        seq beam prompts.txt -m my-lm --ref right.txt --sweep 1,2,4,8 --html sweep.html
        echo "The" | seq beam -m my-lm --trace --html lattice.html

    --engine auto lets CTranslate2 write what it writes as torch does: gpt, --greedy or with --stop full, by all cores.

    JSON objects have line, prompt, rank, text, log_prob (of all tokens and the end, nats), score (what texts are ranked by), tokens,
    ended (false: cut at the maximal length) and, of --mbr, utility. With --ref: whose error each line is.
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    if nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    given: dict[str, Any] = {
        **search.asked(locals()), "--ref": reference, "--sweep": sweep, "--trace": trace, "--html": html,
        "--json": json, "--errors": choose(errors, ("strict", "replace"), "--errors"), "--truncate": truncate, "-q": quiet,
    }  # fmt: skip
    check_together(given, files)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's matrices are small here: threads cost more than they bring
    choose(engine, ("auto", "torch", "ctranslate2"), "--engine")
    generator, chosen = opened(model, given, jobs, engine, int8)
    with Output(output) as out:
        for part in answers(generator, chosen, files, given, model):
            out.write(part.encode("utf-8", "backslashreplace"))


def check_together(given: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Raises UsageFailure: what the options ask for cannot be told at once."""
    wanted = [option for option in ("--ref", "--sweep", "--trace") if given[option] not in (None, False)]
    if "--trace" in wanted and len(wanted) > 1:
        raise UsageFailure(f"--trace and {wanted[0]}: one at a time")
    if wanted == ["--ref"] and given["--html"] is not None:
        raise UsageFailure("--ref and --html: a page needs --sweep too", hint="or leave --ref out, for the lattice")
    if given["--trace"] and given["--json"]:
        raise UsageFailure("--trace and --json: one at a time")
    if given["--sweep"] is not None and given["--beam"] is not None:
        raise UsageFailure("--sweep and --beam: one at a time", hint="the sweep names the widths")
    if given["--ref"] is not None:
        if str(given["--ref"]) == "-" and str(Path("-")) in [str(file) for file in files or [Path("-")]]:
            raise UsageFailure("standard input can be read only once", hint="name a file of prompts, or of references")
        check_readable(given["--ref"])


def opened(model: str, given: Mapping[str, Any], jobs: int | None, engine: str, int8: bool) -> tuple[Generator, Plan]:
    """The model, and how it is to be asked."""
    if not model:
        raise UsageFailure("no model named", hint="-m FOLDER; seq train ngram, gpt, lstm … make one")
    from seqcli.data import folder
    from seqcli.decode.generate import plan
    from seqcli.engines.choice import open_generator
    from seqcli.workers import processors

    threads = jobs or processors()
    if jobs is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    asked = {option: value for option, value in given.items() if option not in TOLD}
    generator: Generator = open_generator(folder.find(model), engine, int8, asked, threads)
    if jobs is not None and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return generator, plan(given, generator)


def answers(generator: Generator, chosen: Plan, files: Sequence[Path], given: Mapping[str, Any], model: str) -> Iterator[str]:
    """What is printed, part by part."""
    from seqcli.decode.generate import Writer

    if given["--sweep"] is not None:
        yield from swept(generator, chosen, files, given, model)
        return
    writer = Writer(generator, chosen, given["--truncate"])
    if given["--ref"] is not None:
        yield from judged(writer, files, given)
    elif given["--trace"] or given["--html"] is not None:
        yield from traced(writer, files, given, model)
    else:
        from seqcli.decode.telling import records

        for lines in batches(writer, files, given["--errors"]):
            first = writer.line + 1
            yield records(generator, chosen, lines, writer(lines), first, given["--json"])
    tell_cut(writer, given["-q"])


def batches(writer: Writer, files: Sequence[Path], errors: str) -> Iterator[list[str]]:
    """The lines of all inputs in batches, which are smaller where the input pauses."""
    waiting: list[str] = []
    for block in blocks(files):
        waiting += block.lines(errors) if block.data else []
        whole = len(waiting) - len(waiting) % writer.batch if block.data else len(waiting)
        yield from writer.batches(waiting[:whole])
        del waiting[:whole]
    yield from writer.batches(waiting)


def tell_cut(writer: Writer, quiet: bool) -> None:
    """A note on prompts that lost their beginning."""
    if writer.cut:
        some = ", ".join(map(str, writer.cut[:5])) + " …" * (len(writer.cut) > 5)
        note(f"seq beam: only the end of what is too long for the model's context was kept: line {some}", quiet)


def read_lines(path: Path, errors: str) -> list[str]:
    """All lines of a file."""
    return [line for block in blocks([path]) for line in block.lines(errors)]


def judged(writer: Writer, files: Sequence[Path], given: Mapping[str, Any]) -> Iterator[str]:
    """Error analysis: a row a line as JSON, or the table with examples."""
    from seqcli.decode import telling

    references = iter(read_lines(given["--ref"], given["--errors"]))
    blame = telling.Blame()
    for lines in batches(writer, files, given["--errors"]):
        wanted = [reference for _, reference in zip(lines, references, strict=False)]
        if len(wanted) < len(lines):
            raise Failure(f"{given['--ref']} has {writer.line + len(wanted)} lines, fewer than there are prompts", hint="a line each")
        found = writer(lines)
        first = writer.line - len(lines) + 1
        judgements = writer.judge(lines, found, wanted)
        rows = zip(lines, found, wanted, judgements, strict=True)
        new = [telling.Case(first + i, line, each[0].text, right, verdict) for i, (line, each, right, verdict) in enumerate(rows)]
        if given["--json"]:
            yield telling.case_objects(new)
        blame.add(new)
    if next(references, None) is not None:
        raise Failure(f"{given['--ref']} has more lines than there are prompts", hint="a line each")
    if not given["--json"]:
        yield str(blame)


def traced(writer: Writer, files: Sequence[Path], given: Mapping[str, Any], model: str) -> Iterator[str]:
    """Searches step by step, and a page of their lattices."""
    from seqcli.decode.telling import records, steps
    from seqcli.report import lattice

    pictures: list[lattice.Search] = []
    for lines in batches(writer, files, given["--errors"]):
        first = writer.line + 1
        found = writer(lines, traced=True)
        for i, (line, each, trace) in enumerate(zip(lines, found, writer.traces or [], strict=True)):
            if given["--trace"]:
                yield steps(writer.generator, first + i, line, trace, each)
            if len(pictures) < PAGE_LINES:
                pictures.append(lattice.search(first + i, line, trace, each, writer.generator.spell, writer.generator.end))
        if not given["--trace"]:
            yield records(writer.generator, writer.plan, lines, found, first, given["--json"])
    if given["--html"] is not None:
        if writer.line > PAGE_LINES:
            note(f"seq beam: {given['--html']} shows the first {PAGE_LINES} lines", given["-q"])
        with Output(given["--html"]) as page:
            page.write(lattice.page(Path(model).name, pictures).encode())


def swept(generator: Generator, chosen: Plan, files: Sequence[Path], given: Mapping[str, Any], model: str) -> Iterator[str]:
    """A row a width."""
    from seqcli.decode.sweep import rows_of, sweep, table, widths

    wanted = widths(given["--sweep"])
    lines = [line for file in files or [Path("-")] for line in read_lines(file, given["--errors"])]
    references = read_lines(given["--ref"], given["--errors"]) if given["--ref"] is not None else None
    if references is not None and len(references) != len(lines):
        raise Failure(f"{given['--ref']} has {len(references)} lines, the prompts are {len(lines)}", hint="a line each")
    found = []
    for point in sweep(generator, chosen, lines, references, wanted, given["--truncate"]):
        found.append(point)
        if given["--json"]:
            yield rows_of([point])
    if not given["--json"]:
        yield table(found)
    if given["--html"] is not None:
        from seqcli.report.sweep import page

        with Output(given["--html"]) as out:
            out.write(page(Path(model).name, len(lines), found).encode())
