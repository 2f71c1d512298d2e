"""`seq train`: data in, a model folder out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.errors import UsageFailure
from seqcli.terminal import note

if TYPE_CHECKING:
    from seqcli.training.recipe import Run


def train(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A model (crf, bpe, …: see --list), or a recipe (.toml).")] = "",
    files: Annotated[list[str] | None, typer.Option("--train", help="Training data; may be given several times.")] = None,
    dev: Annotated[str, typer.Option("--dev", help="Held-out data, or 10%: so much of the training data (of text: its end).")] = "",
    test: Annotated[str, typer.Option("--test", help="Data to measure the finished model on, once.")] = "",
    src: Annotated[list[str] | None, typer.Option("--src", help="Translation: sources, a line each; with each a --tgt.")] = None,
    tgt: Annotated[list[str] | None, typer.Option("--tgt", help="Their translations, line by line.")] = None,
    dev_src: Annotated[str, typer.Option("--dev-src", help="Held-out sources (or --dev 10%).")] = "",
    dev_tgt: Annotated[str, typer.Option("--dev-tgt", help="Their translations.")] = "",
    test_src: Annotated[str, typer.Option("--test-src", help="Sources to measure the finished model on, once.")] = "",
    test_tgt: Annotated[str, typer.Option("--test-tgt", help="Their translations.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The model folder to write.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value, over the recipe's.")] = None,
    column: Annotated[str, typer.Option("--column", help="The CoNLL-U column to learn. [upos]")] = "",
    language: Annotated[str, typer.Option("--language", help="Rules that will cut raw text. [en]")] = "",
    unsupervised: Annotated[bool, typer.Option("--unsupervised", help="hmm: learn from words alone (Baum-Welch).")] = False,
    states: Annotated[int, typer.Option("--states", help="hmm: how many states, with --unsupervised.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training of this folder that was cut off.")] = False,
    time_limit: Annotated[str, typer.Option("--time-limit", help="End in good order after so long: 90s, 30m, 2h.")] = "",
    max_steps: Annotated[int, typer.Option("--max-steps", min=0, help="End after so many steps, whatever the epochs.")] = 0,
    plot: Annotated[Path | None, typer.Option("--plot", help="A folder for a page with the curves of the training.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model folder that exists.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the models and recipes, and end.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress on standard error.")] = False,
) -> None:
    """Train a model on your own data.

    A tagger learns from CoNLL-U, or one `token<TAB>tag` a line with a blank line after each sentence; a classifier from
    `label<TAB>text` lines or a table with such columns; a language model, a tokenizer or word vectors from plain text; a
    translator from two files, the lines of one beside their translations in the other.

    \b
        seq train crf --train train.conllu --dev dev.conllu -o my-model
        seq train hmm --train train.tsv -o my-hmm --set order=1
        seq train bpe --train notes.en --train notes.de -o my-bpe --set vocab_size=8000
        seq train skipgram --train corpus.txt -o my-vectors --set lowercase=true
        seq train gpt --train corpus.txt --dev dev.txt -o my-gpt --set units=bpe --time-limit 30m
        seq train lstm --train reviews.tsv --dev dev.tsv -o my-classifier
        seq train transformer --src text.en --tgt text.de --dev 5% -o my-en-de
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
    chosen |= {"src": tuple(src or ()), "tgt": tuple(tgt or ()), "dev_src": dev_src, "dev_tgt": dev_tgt}
    chosen |= {"test_src": test_src, "test_tgt": test_tgt}
    run = replace(run, **{key: value for key, value in chosen.items() if value})
    check_data(run)
    if output is None:
        raise UsageFailure("no place for the model", hint="-o FOLDER")
    on_top = recipe.pairs(settings or [])
    on_top |= {"unsupervised": "true"} if unsupervised else {}
    on_top |= {"states": str(states)} if states else {}
    on_top |= {"time_limit": str(seconds(time_limit))} if time_limit else {}
    on_top |= {"max_steps": str(max_steps)} if max_steps else {}

    from seqcli.models import registry
    from seqcli.training import launch

    run = replace(run, model=registry.named(run.model))
    journals = (*registry.NEURAL, *registry.TRANSLATORS)
    if plot is not None and run.model not in journals:
        raise UsageFailure(f"--plot: {run.model} keeps no journal", hint=f"these do: {', '.join(journals)}")
    hyper = recipe.apply(registry.module(run.model).Recipe(), run.settings, str(path))
    launch.train(run, recipe.apply(hyper, on_top, "--set"), output, force, lambda line: note(line, quiet), resume)
    if plot is not None:
        from seqcli.training import curves

        note(f"wrote {curves.draw(output, plot, output.name)}", quiet)


def check_data(run: Run) -> None:
    """Raises UsageFailure: there is nothing to train on, or not what the model learns from."""
    from seqcli.models import registry

    name = registry.named(run.model)
    if name not in registry.TRANSLATORS:
        if run.src or run.tgt:
            raise UsageFailure(f"--src and --tgt: {name} does not translate", hint=f"these do: {', '.join(registry.TRANSLATORS)}")
        if not run.train:
            raise UsageFailure("nothing to train on", hint="--train FILE")
        return
    if run.train:
        raise UsageFailure(f"--train: {name} learns from pairs", hint="--src FILE --tgt FILE")
    if not run.src or not run.tgt:
        raise UsageFailure(f"nothing to train on: {name} learns from sources and their translations", hint="--src FILE --tgt FILE")
    if run.dev and run.dev_src:
        raise UsageFailure(f"--dev {run.dev} and --dev-src: one of them")
    held_out = {"--dev": not run.dev or run.dev.endswith("%"), "--test": not run.test}
    for option, fits in held_out.items():
        if not fits:
            raise UsageFailure(f"{option}: {name} is measured on pairs", hint=f"{option}-src FILE {option}-tgt FILE")


def seconds(time: str) -> float:
    """A duration in seconds.

    >>> seconds("90s"), seconds("30m"), seconds("1.5h"), seconds("20")
    (90.0, 1800.0, 5400.0, 20.0)
    """
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (time[:-1], units[time[-1]]) if time[-1:] in units else (time, 1)
    try:
        found = float(number) * unit
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise UsageFailure(f"--time-limit {time}: expected a duration such as 90s, 30m or 2h")
    return found


def list_models() -> None:
    """Models and recipes with what their files say first."""
    import sys

    from seqcli.models import registry
    from seqcli.training.recipe import RECIPES

    for model in registry.MODELS:
        about = (registry.module(model).__doc__ or "").strip().splitlines()[0]
        sys.stdout.write(f"{model:26}{about}\n")
    for path in sorted(RECIPES.glob("*.toml")):
        about = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        sys.stdout.write(f"{path.name:26}{about}\n")
