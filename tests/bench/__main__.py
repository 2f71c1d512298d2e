"""`python -m tests.bench`: all that need no arguments. `python -m tests.bench NAME… [ARGUMENT]…`: some, each with the arguments."""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile

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

OTHERS = ("lengths", "quantized", "splice", "tunes")  # need arguments, or take long

if __name__ == "__main__":
    given = sys.argv[1:]
    names = list(takewhile(lambda word: word in (*BENCHES, *OTHERS), given))
    if given and not names:
        raise SystemExit(f"no bench is called {given[0]!r}; known: {', '.join((*BENCHES, *OTHERS))}")
    sys.argv[1:] = given[len(names) :]
    for name in names or BENCHES:
        importlib.import_module(f"tests.bench.{name}").main()
