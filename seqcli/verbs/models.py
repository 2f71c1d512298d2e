"""`seq models`: what is shipped, how big, under which licence, how good; word vectors from and to files of other programs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

models = typer.Typer(name="models", help="List the shipped models, or show one's card; import and export.", rich_markup_mode=None)


ARPA = "arpa"


@models.callback(invoke_without_command=True)
def default(context: typer.Context, json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False) -> None:
    """List the shipped models, or show one's card."""
    if context.invoked_subcommand is None:
        list_models(json)


@models.command("list")
def list_models(json: Annotated[bool, typer.Option("--json", help="One JSON object a model.")] = False) -> None:
    """List the shipped models with size, licence and measured scores."""
    from json import dumps

    from seqcli.data import folder

    rows = [describe(name) for name in folder.shipped()]
    if json:
        sys.stdout.write("".join(dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return
    for row in rows:
        scores = ", ".join(f"{name} {value:.2f}" for name, value in row["scores"].items())
        sys.stdout.write(f"{row['name']:<11} {row['model']:<9} {row['bytes'] / 1e6:5.1f} MB  {row['licence']:<14} {scores}\n")


@models.command()
def show(name: Annotated[str, typer.Argument(help="A shipped model or a model folder.")]) -> None:
    """Show a model's card: data, licence, recipe, measured scores, limits."""
    from seqcli.data import folder

    path = folder.find(name)
    config = folder.read_config(path)
    sys.stdout.write(folder.Folder(path, config, {}).text(folder.CARD).rstrip("\n") + "\n")


@models.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="Word vectors; - is standard input.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model folder to write.")],
    kind: Annotated[
        str, typer.Option("-f", "--format", help="word2vec, word2vec-bin, glove, tsv, jsonl, npy or arpa. [by name and first lines]")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Only the first N words; 0: all.")] = 0,
    int8: Annotated[bool, typer.Option("--int8", help="Round to 8 bits: a quarter of the size.")] = False,
    errors: Annotated[str, typer.Option("--errors", help="Invalid UTF-8 in words: strict or replace.")] = "strict",
    force: Annotated[bool, typer.Option("--force", help="Replace a model folder that exists.")] = False,
) -> None:
    """Make a model folder of a file of word vectors (word2vec's text or binary, GloVe's text, TSV, JSON Lines, .npy) or of n-grams
    (.arpa); .gz, too.

    \b
        seq models import vectors.txt.gz -o my-vectors
        seq embed -m my-vectors --near king
        seq models import news.arpa.gz -o news; seq score -m news text.txt
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    from seqcli.data import folder
    from seqcli.data.vectors import quantised
    from seqcli.data.vectors.reading import read_vectors
    from seqcli.data.vectors.saving import save
    from seqcli.data.vectors.writing import FORMATS
    from seqcli.terminal import choose

    choose(errors, ("strict", "replace"), "--errors")
    kind = kind or ARPA * is_arpa(file)
    if kind:
        choose(kind, (*FORMATS, ARPA), "-f")
    folder.check_free(output, force)
    if kind == ARPA:
        from seqcli.tasks.language import import_arpa

        import_arpa(file, output, force, errors)
        return
    vectors = read_vectors(file, kind, errors).limited(limit)
    save(quantised(vectors) if int8 else vectors, output, "standard input" if str(file) == "-" else file.name, force)


@models.command()
def export(
    name: Annotated[str, typer.Argument(help="A shipped model or a model folder.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
    kind: Annotated[
        str,
        typer.Option("-f", "--format", help="word2vec, word2vec-bin, glove, tsv, jsonl or npy; arpa of n-grams. [by -o's name]"),
    ] = "",
) -> None:
    """Write a model's word vectors, or its n-grams (ARPA), for other programs.

    With -f npy the words go to a file beside, which ends with .words.
    """
    from seqcli.data import folder
    from seqcli.data.vectors import open_vectors
    from seqcli.data.vectors.writing import FORMATS, batches, by_name, check_words, write
    from seqcli.errors import UsageFailure
    from seqcli.terminal import Output, choose

    if folder.read_config(folder.find(name))["model"] == "ngram":
        if kind not in ("", ARPA):
            raise UsageFailure(f"-f {kind}: {name} holds n-grams", hint="-f arpa")
        from seqcli.tasks.language import export_arpa

        with Output(output) as out:
            for part in export_arpa(name):
                out.write(part)
        return
    kind = choose(kind or by_name(output) or "word2vec", FORMATS, "-f")
    vectors = open_vectors(name)
    check_words(kind, vectors.words)
    if kind == "npy" and output is None:
        raise UsageFailure("npy has no room for the words", hint="-o FILE.npy: they go to FILE.words")
    with ExitStack() as stack:
        if kind == "npy" and output is not None:
            stack.enter_context(Output(output.with_suffix(".words"))).write(vectors.words.packed.tobytes())
        out = stack.enter_context(Output(output))
        for part in write(kind, batches(vectors), vectors.dimensions, len(vectors)):
            out.write(part)


def is_arpa(file: Path) -> bool:
    """Whether a file is one of n-grams, by its name."""
    return file.name.removesuffix(".gz").removesuffix(".xz").endswith(f".{ARPA}")


def describe(name: str) -> dict[str, Any]:
    """A row of the list."""
    from seqcli.data import folder

    path = folder.find(name)
    config = folder.read_config(path)
    return {
        "name": name,
        "model": config["model"],
        "task": config["task"],
        "bytes": sum(file.stat().st_size for file in path.iterdir()),
        "licence": config.get("licence", "not stated"),
        "scores": config.get("scores", {}),
    }
