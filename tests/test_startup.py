"""Start-up is a feature: what a command does not need, it does not import."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, ROOT, SAMPLES

HEAVY = {"torch", "tokenizers", "transformers", "sacrebleu", "rouge_score", "rich", "sklearn", "scipy", "pandas"}
PROBE = """
import json, sys
sys.argv[0] = "seq"
from seqcli.__main__ import main
try:
    main()
except SystemExit as done:
    code = done.code
print(json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def modules_after(*arguments: object) -> set[str]:
    """The top-level modules that a successful command has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, arguments)],
        input="The cat sat.\n", capture_output=True, text=True, check=True, env=ENVIRONMENT, timeout=60,
    )  # fmt: skip
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done
    assert done.stdout
    return set(modules)


@pytest.mark.parametrize(
    "line", ["--help", "--version", "tag --help", "train --help", "score --help", "models --help", "models list --help"]
)
def test_help_imports_nothing_heavy(line):
    loaded = modules_after(*line.split())
    assert not loaded & (HEAVY | {"numpy", "safetensors", "multiprocessing", "concurrent"})


@pytest.mark.parametrize(
    "line", ["tag", "tag -f jsonl --proba", "tag -f conllu", "tag --nbest 2", "models", "models show en-pos", "train --list"]
)
def test_everyday_commands_need_no_torch(line):
    assert not modules_after(*line.split()) & HEAVY


def test_scores_need_no_torch(tmp_path):
    gold, system = tmp_path / "gold.tsv", tmp_path / "system.tsv"
    gold.write_text("The\tDET\ncat\tNOUN\n\n")
    system.write_text("The\tDET\ncat\tVERB\n\n")
    assert not modules_after("score", gold, system) & HEAVY
    gold = SAMPLES / "tags.dev.conllu"
    assert not modules_after("score", gold, gold) & HEAVY


def banned() -> set[str]:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names: list[str] = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
    return set(names)


def loaded_at_import(tree: ast.Module) -> set[str]:
    """Top-level names of the modules that a module's own top level imports, `if TYPE_CHECKING` apart."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / "seqcli" / folder).rglob("*.py"))


def test_the_linter_bans_what_is_heavy():
    assert {"torch", "tokenizers", "sacrebleu", "rich"} <= banned()


def test_verbs_import_the_standard_library_and_typer_only():
    allowed = set(sys.stdlib_module_names) | {"typer", "seqcli"}
    for path in [
        *sources("verbs"),
        *(ROOT / "seqcli" / name for name in ("__main__.py", "cli.py", "terminal.py", "errors.py", "data/blocks.py")),
    ]:
        assert loaded_at_import(ast.parse(path.read_text())) <= allowed, path


def test_no_module_that_reads_or_tags_imports_what_is_heavy():
    trainer = {ROOT / "seqcli/training" / f"{name}.py" for name in ("loop", "optimiser", "checkpoint", "average", "processes")}
    for path in set(sources("data", "text", "metrics", "tasks", "training", "verbs")) - trainer:  # which launch imports when it trains
        assert not loaded_at_import(ast.parse(path.read_text())) & banned(), path
