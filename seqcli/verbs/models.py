"""`seq models`: what is shipped, how big, under which licence, how good; models from and to other programs."""

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
    found = folder.Folder(path, folder.read_config(path), {})
    if "others" in found.parameters:
        from seqcli.models import registry

        text = registry.imported(found.config["model"]).card(found)
    else:
        text = found.text(folder.CARD)
    sys.stdout.write(text.rstrip("\n") + "\n")


@models.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="Word vectors, n-grams, or a Marian folder; - is standard input.")],
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
    (.arpa), .gz, too; or of a Hugging Face folder of a Marian translator (OPUS-MT).

    \b
        seq models import vectors.txt.gz -o my-vectors
        seq embed -m my-vectors --near king
        seq models import news.arpa.gz -o news; seq score -m news text.txt
        seq models import opus-mt-en-de -o en-de; seq translate -m en-de book.en
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    from seqcli.data import folder
    from seqcli.data.vectors import quantised
    from seqcli.data.vectors.reading import read_vectors
    from seqcli.data.vectors.saving import save
    from seqcli.data.vectors.writing import FORMATS
    from seqcli.terminal import choose

    choose(errors, ("strict", "replace"), "--errors")
    if file.is_dir():
        import_folder(file, output, {"-f": kind, "--limit": limit, "--int8": int8}, force)
        return
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


def import_folder(path: Path, output: Path, given: dict[str, Any], force: bool) -> None:
    """A folder of others as one of ours."""
    from seqcli.data.folder import read_config
    from seqcli.errors import Failure, UsageFailure
    from seqcli.models import marian

    for option, value in given.items():
        if value:
            raise UsageFailure(f"{option} is not for folders: {path} is one", hint="seq models export --to int8 makes a model smaller")
    config = read_config(path)
    if config["model"] == "bert" and "others" in config["parameters"]:
        raise Failure(f"{path} is a folder of BERT's, which is read as it is", hint=f"seq train bert --set pretrained={path}")
    marian.import_folder(path, output, force)


@models.command()
def export(
    name: Annotated[str, typer.Argument(help="A shipped model or a model folder.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
    kind: Annotated[
        str,
        typer.Option("-f", "--format", help="word2vec, word2vec-bin, glove, tsv, jsonl or npy; arpa of n-grams. [by -o's name]"),
    ] = "",
    to: Annotated[str, typer.Option("--to", help="A translator as a folder: int8 (a quarter of the size), or ctranslate2.")] = "",
    quantization: Annotated[str, typer.Option(help="--to ctranslate2: float32 or int8. [as the model is]")] = "",
    force: Annotated[bool, typer.Option("--force", help="--to: replace a model folder that exists.")] = False,
) -> None:
    """Write a model's word vectors, or its n-grams (ARPA), for other programs; or a translator as another folder.

    With -f npy the words go to a file beside, which ends with .words.

    \b
        seq models export my-vectors -o vectors.txt
        seq models export my-en-de --to int8 -o my-small-en-de
        seq models export my-en-de --to ctranslate2 --quantization int8 -o served; seq translate -m served
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    if to or quantization or force:
        export_translator(name, to, output, kind, quantization, force)
        return
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


def export_translator(name: str, to: str, output: Path | None, kind: str, quantization: str, force: bool) -> None:
    """A translator as another folder."""
    from seqcli.engines.export import export as write
    from seqcli.errors import UsageFailure

    if not to:
        raise UsageFailure(f"{'--quantization' if quantization else '--force'} is of --to", hint="--to int8 or --to ctranslate2")
    if kind:
        raise UsageFailure("-f and --to: one at a time")
    if output is None:
        raise UsageFailure(f"--to {to} writes a folder: it needs a name", hint="-o FOLDER")
    write(name, to, output, quantization, force)


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
