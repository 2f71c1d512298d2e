"""`seq models`: what is shipped, how big, under which licence, how good."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

models = typer.Typer(name="models", help="List the shipped models, or show one's card.", rich_markup_mode=None)


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
        scores = ", ".join(f"{name} {value}" for name, value in row["scores"].items())
        sys.stdout.write(f"{row['name']:<10} {row['model']:<6} {row['bytes'] / 1e6:5.1f} MB  {row['licence']:<14} {scores}\n")


@models.command()
def show(name: Annotated[str, typer.Argument(help="A shipped model or a model folder.")]) -> None:
    """Show a model's card: data, licence, recipe, measured scores, limits."""
    from seqcli.data import folder

    path = folder.find(name)
    config = folder.read_config(path)
    sys.stdout.write(folder.Folder(path, config, {}).text(folder.CARD).rstrip("\n") + "\n")


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
