"""`seq train`: data in, a model folder out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from seqcli.errors import UsageFailure
from seqcli.terminal import note


def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model (crf, bpe, …: see --list), or a recipe (.toml).")] = "",
    files: Annotated[list[str] | None, typer.Option("--train", help="Training data; may be given several times.")] = None,
    dev: Annotated[str, typer.Option("--dev", help="Held-out data to measure the model on.")] = "",
    test: Annotated[str, typer.Option("--test", help="Data to measure the finished model on, once.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The model folder to write.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value, over the recipe's.")] = None,
    column: Annotated[str, typer.Option("--column", help="The CoNLL-U column to learn. [upos]")] = "",
    language: Annotated[str, typer.Option("--language", help="Rules that will cut raw text. [en]")] = "",
    unsupervised: Annotated[bool, typer.Option("--unsupervised", help="hmm: learn from words alone (Baum-Welch).")] = False,
    states: Annotated[int, typer.Option("--states", help="hmm: how many states, with --unsupervised.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training of this folder that was cut off.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model folder that exists.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the models and recipes, and end.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress on standard error.")] = False,
) -> None:
    """Train a model on your own data.

    A tagger learns from CoNLL-U, or one `token<TAB>tag` a line with a blank line after each sentence; a tokenizer or word
    vectors from plain text.

    \b
        seq train crf --train train.conllu --dev dev.conllu -o my-model
        seq train hmm --train train.tsv -o my-hmm --set order=1
        seq train bpe --train notes.en --train notes.de -o my-bpe --set vocab_size=8000
        seq train skipgram --train corpus.txt -o my-vectors --set lowercase=true
        seq train en-pos.toml -o my-en-pos
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    from seqcli.training import recipe

    if listing:
        list_models()
        return
    if not name:
        note(context.get_help())
        raise typer.Exit(2)
    path = recipe.find(name)
    run = recipe.Run.read(path) if path else recipe.Run(model=name)
    chosen: dict[str, Any] = {"train": tuple(files or ()), "dev": dev, "test": test, "column": column, "language": language}
    run = replace(run, **{key: value for key, value in chosen.items() if value})
    if not run.train:
        raise UsageFailure("nothing to train on", hint="--train FILE")
    if output is None:
        raise UsageFailure("no place for the model", hint="-o FOLDER")
    on_top = recipe.pairs(settings or [])
    on_top |= {"unsupervised": "true"} if unsupervised else {}
    on_top |= {"states": str(states)} if states else {}

    from seqcli.models import registry
    from seqcli.training import launch

    run = replace(run, model=registry.named(run.model))
    hyper = recipe.apply(registry.module(run.model).Recipe(), run.settings, str(path))
    launch.train(run, recipe.apply(hyper, on_top, "--set"), output, force, lambda line: note(line, quiet), resume)


def list_models() -> None:
    """Models and recipes with what their files say first."""
    import sys

    from seqcli.models import registry
    from seqcli.training.recipe import RECIPES

    for model in registry.MODELS:
        about = (registry.module(model).__doc__ or "").strip().splitlines()[0]
        sys.stdout.write(f"{model:18}{about}\n")
    for path in sorted(RECIPES.glob("*.toml")):
        about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        sys.stdout.write(f"{path.name:18}{about}\n")
