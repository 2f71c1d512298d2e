"""Imports point one way: verbs; tasks, decode, training and report; models and heads; nn; data, text and metrics."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.conftest import ROOT

LAYERS = [
    {"errors"},
    {"workers"},
    {"data", "text", "metrics"},
    {"nn"},
    {"models", "heads"},
    {"tasks", "decode", "engines", "training", "report"},
    {"terminal"},
    {"verbs"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "seqcli").rglob("*.py"))
}


def imports(name: str, path: Path, everywhere: bool) -> set[str]:
    """The modules of this package that a module imports: at its top level, or everywhere in it."""
    tree = ast.parse(path.read_text())
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) + 1 - node.level], *filter(None, [base])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in MODULES else base)
    return {target for target in found if target.split(".")[0] == "seqcli"} - {name}


def part(name: str) -> str:
    """The folder or file right under the package."""
    return name.split(".")[1] if "." in name else ""


def test_every_module_has_a_place():
    assert {part(name) for name in MODULES} - {"", "pretrained"} <= LEVEL.keys()


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) in LEVEL])
def test_imports_point_downwards(name):
    for target in imports(name, MODULES[name], everywhere=True):
        if part(target):
            assert LEVEL[part(target)] <= LEVEL[part(name)], f"{name} imports {target}"


def test_the_core_knows_no_verb_and_no_terminal():
    core = [name for name in MODULES if part(name) not in {"", "verbs", "cli", "terminal", "__main__"}]
    for name in core:
        assert not {part(target) for target in imports(name, MODULES[name], everywhere=True)} & {"verbs", "terminal", "cli"}, name


def test_no_circles():
    graph = {name: imports(name, path, everywhere=False) & MODULES.keys() for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()
