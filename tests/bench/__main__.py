"""`python -m tests.bench [NAME]...`."""

from __future__ import annotations

import importlib
import sys

BENCHES = (
    "start",
    "chain",
    "hmm",
    "raw",
    "tagging",
    "languages",
    "entities",
    "scoring",
    "tokenizing",
    "embedding",
    "vectors",
    "search",
    "generating",
    "training",
    "translating",
)

if __name__ == "__main__":
    for name in [name for name in sys.argv[1:] if not name.startswith("-") and "=" not in name] or BENCHES:
        importlib.import_module(f"tests.bench.{name}").main()
