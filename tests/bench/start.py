"""Cold start: the whole command against the imports that nobody can avoid."""

from __future__ import annotations

import sys

from tests.bench.harness import SEQ, commands, table


def main() -> None:
    """Wall time and peak memory of tiny commands."""
    python = sys.executable
    peers = {"seq tag": [python, "-c", "import typer, numpy"], "seq --help": [python, "-c", "import typer"]}
    ours = {"seq tag": [SEQ, "tag"], "seq --help": [SEQ, "--help"]}
    rows = []
    for name, command in ours.items():
        cost = commands(21, {"peer": peers[name], "seq": command}, b"The cat sat.\n")
        seq, peer = cost["seq"], cost["peer"]
        rows.append([
            f"`{name}` against `python -c \"{peers[name][2]}\"`",
            f"{seq.seconds:.3f} s / {peer.seconds:.3f} s",
            f"{seq.seconds / peer.seconds:.2f} ×",
            f"{seq.megabytes:.0f} MB",
        ])  # fmt: skip
    table("Cold start, `echo 'The cat sat.' | …`", ["command", "wall", "ratio", "peak memory"], rows)
