"""`seq tokenize`: text in, pieces out."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from seqcli.data.blocks import blocks
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, Progress, choose, note, nothing_to_read

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
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    models = model or [DEFAULT_MODEL]
    check(json, ids, decode, stats, vocab, len(models))
    choose(errors, ("strict", "replace"), "--errors")
    if not vocab and nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # -j says how many processors work
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from seqcli.text.subword.open import open_tokenizer
    from seqcli.text.subword.shown import INPUTS, Back, Details, Job, listing, results

    source = choose(source, INPUTS, "--input") if source else guess(files)
    tokenizers = [open_tokenizer(name) for name in models]
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
        back = decode and Back(tokenizers[0], ids, errors)
        work = back or (Details(tokenizers[0], source, errors) if json else Job(tokenizers[0], ids, source, errors))
        for part in results(work, read, jobs):
            out.write(part)


def check(json: bool, ids: bool, decode: bool, stats: bool, vocab: bool, models: int) -> None:
    """Raises UsageFailure: options that contradict each other."""
    chosen = [name for name, wanted in (("--decode", decode), ("--stats", stats), ("--vocab", vocab)) if wanted]
    if len(chosen) > 1:
        raise UsageFailure(f"{chosen[0]} contradicts {chosen[1]}")
    if json and decode:
        raise UsageFailure("--json contradicts --decode", hint="what it gives is text")
    if ids and (json or stats or vocab):
        raise UsageFailure(f"--ids contradicts {chosen[0] if chosen else '--json'}", hint="they are in it" if not stats else "")
    if models > 1 and not stats:
        raise UsageFailure("several -m are for --stats")


def guess(files: list[Path]) -> str:
    """The input format by the files' names."""
    suffixes = {Path(file.stem if file.suffix in (".gz", ".xz") else file).suffix for file in files}
    objects = suffixes & {".jsonl", ".json"}
    if objects and objects != suffixes:
        raise UsageFailure("files of several kinds: jsonl, text", hint="say which with --input")
    return "jsonl" if objects else "text"
