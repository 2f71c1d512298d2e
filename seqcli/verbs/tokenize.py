"""`seq tokenize`: text in, pieces out."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli.data.blocks import blocks
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, Progress, choose, note, nothing_to_read

if TYPE_CHECKING:
    from seqcli.text.subword.tokenizer import Subword

DEFAULT_MODEL = "en-bpe"


def tokenize(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Files to tokenize; none, or -, is standard input.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("-m", "--model", help=f"A shipped model, folder or file. [{DEFAULT_MODEL}]", show_default=False)
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Numbers instead of pieces.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines: pieces, ids and offsets (characters).")] = False,
    decode: Annotated[bool, typer.Option("--decode", help="Back to text: lines of pieces or ids.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="How well tokenizers fit the text; several -m are compared.")] = False,
    vocab: Annotated[bool, typer.Option("--vocab", help="List the vocabulary: id, piece, score.")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Pieces by chance: BPE dropout, Unigram sampling.")] = False,
    dropout: Annotated[
        float | None, typer.Option("--dropout", min=0, max=1, help="Share of BPE's merges left out. [0.1]", show_default=False)
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", min=0, help="Unigram: 0 all cuts alike, 1 by probability. [0.1]", show_default=False),
    ] = None,
    nbest: Annotated[
        int | None, typer.Option("--nbest", min=1, help="Unigram: from so many best cuts of a line. [all]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of --sample; a line's draw depends on it and the line's number.")] = 0,
    trace: Annotated[
        str,
        typer.Option("--trace", help="How the pieces of a WORD come about: merges with ranks, the best ways through a lattice, tries."),
    ] = "",
    html: Annotated[Path | None, typer.Option("--html", help="With --trace: also a page with pictures.")] = None,
    source: Annotated[str, typer.Option("--input", help="Input: text or jsonl. [by the file's name, else text]")] = "",
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=0, help="Processes for long inputs; 0: as many as processors.")] = 0,
    errors: Annotated[str, typer.Option("--errors", help="Invalid UTF-8: strict or replace.")] = "strict",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes on standard error.")] = False,
) -> None:
    """Cut text into the pieces of a vocabulary: subwords, characters or words.

    One line in is one line out: pieces with blanks between them, where `▁` is a blank that belongs to a piece. A line of numbers is
    read by --decode as ids, unless it is just what is shown for a text; with --ids it is always ids.

    \b
        echo "The cat sat." | seq tokenize
        seq tokenize notes.txt --ids | seq tokenize --ids --decode
        seq tokenize notes.txt --stats -m en-bpe -m my-model
        seq tokenize notes.txt --sample --dropout 0.2 --seed 7
        seq tokenize --trace untranslatable --html trace.html
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    models = model or [DEFAULT_MODEL]
    check(json, ids, decode, len(models), {"--trace": bool(trace), "--stats": stats, "--vocab": vocab, "--sample": sample})
    check_companions(sample, {"--dropout": dropout, "--alpha": alpha, "--nbest": nbest}, trace, html, files)
    choose(errors, ("strict", "replace"), "--errors")
    if not vocab and not trace and nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # -j says how many processors work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from seqcli.text.subword.open import open_tokenizer
    from seqcli.text.subword.shown import INPUTS, Back, Details, Job, listing, results

    source = choose(source, INPUTS, "--input") if source else guess(files)
    tokenizers = [open_tokenizer(name) for name in models]
    if trace:
        tell(tokenizers[0], models[0], trace, json, html, output)
        return
    with Output(output) as out:
        if vocab:
            for part in listing(tokenizers[0], json):
                out.write(part)
            return
        gc.freeze()  # what is loaded stays: collections look at the batch at hand only, and not too often
        gc.set_threshold(200_000)
        read = Progress(quiet).watch(blocks(files))
        if stats:
            from seqcli.text.subword.stats import Comparison, report

            out.write(report(models, Comparison(tokenizers, source, errors), read, jobs, json))
            return
        if sample:
            from seqcli.text.subword.sample import Draws, Sampler

            sampler = Sampler(tokenizers[0], seed, 0.1 if dropout is None else dropout, 0.1 if alpha is None else alpha, nbest or 0)
            for part in results(Draws(sampler, ids, source, errors), read, jobs):
                out.write(part)
            return
        back = decode and Back(tokenizers[0], ids, errors)
        work = back or (Details(tokenizers[0], source, errors) if json else Job(tokenizers[0], ids, source, errors))
        for part in results(work, read, jobs):
            out.write(part)


def tell(tokenizer: Subword, model: str, words: str, json: bool, html: Path | None, output: Path | None) -> None:
    """How the pieces of words come about."""
    from seqcli.text.subword.told import accounts, as_json, as_text

    found = accounts(tokenizer, words)
    if html is not None:
        from seqcli.report.subwords import page

        with Output(html) as out:
            out.write(page(model, words, found).encode())
    with Output(output) as out:
        out.write("".join(f"{line}\n" for line in (as_json(found) if json else as_text(found))).encode("utf-8", "backslashreplace"))


def check(json: bool, ids: bool, decode: bool, models: int, others: dict[str, bool]) -> None:
    """Raises UsageFailure: options that contradict each other; `others` are ways of work of which one is chosen."""
    chosen = [name for name, wanted in ({"--decode": decode} | others).items() if wanted]
    if len(chosen) > 1:
        raise UsageFailure(f"{chosen[0]} contradicts {chosen[1]}")
    if json and decode:
        raise UsageFailure("--json contradicts --decode", hint="what it gives is text")
    if json and others["--sample"]:
        raise UsageFailure("--json contradicts --sample", hint="leave --json out, or add --ids for numbers")
    if ids and (json or any(wanted for name, wanted in others.items() if name != "--sample")):
        stats = others["--stats"]
        raise UsageFailure(f"--ids contradicts {chosen[0] if chosen else '--json'}", hint="they are in it" if not stats else "")
    if models > 1 and not others["--stats"]:
        raise UsageFailure("several -m are for --stats")


def check_companions(sample: bool, drawn: dict[str, float | None], trace: str, html: Path | None, files: list[Path]) -> None:
    """Raises UsageFailure: options without the one that they belong to."""
    for name, value in drawn.items():
        if value is not None and not sample:
            raise UsageFailure(f"{name} is for --sample")
    if html is not None and not trace:
        raise UsageFailure("--html is for --trace")
    if trace and files:
        raise UsageFailure("--trace takes its words as an argument", hint="leave the files out")


def guess(files: list[Path]) -> str:
    """The input format by the files' names."""
    suffixes = {Path(file.stem if file.suffix in (".gz", ".xz") else file).suffix for file in files}
    objects = suffixes & {".jsonl", ".json"}
    if objects and objects != suffixes:
        raise UsageFailure("files of several kinds: jsonl, text", hint="say which with --input")
    return "jsonl" if objects else "text"
