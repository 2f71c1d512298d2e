"""`seq`: numbers go to the next `seq` on PATH, everything else to the verbs.

The name is also that of coreutils' `seq`. A command line that only coreutils could mean (`seq 1 10`, `seq -w 8 10`, `seq -s, 3`) is
handed over before anything but the standard library's core is loaded, so scripts that count keep counting.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

WITH_VALUE = ("--format", "--separator")
HEAD = 4096  # bytes of a candidate that are searched for our own name
TRIED = "SEQCLI_TRIED"  # environment: candidates handed over to, lest one of them (a version manager's shim) leads back here


def main() -> None:
    """The console script."""
    arguments = sys.argv[1:]
    if counts(arguments):
        hand_over(arguments)
    try:
        from seqcli.cli import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(arguments))


def counts(arguments: Sequence[str]) -> bool:
    """Whether coreutils' `seq` is meant: one to three numbers after its own flags, if any.

    >>> [counts(line.split()) for line in ("1 10", "-w 8 10", "-s, 1 2 9", "-5 0x1p3", "-f %g.txt 2", "--sep=: -- 3")]
    [True, True, True, True, True, True]
    >>> [counts(line.split()) for line in ("tag 1", "", "--help", "-w", "1 2 3 4", "tag -f text")]
    [False, False, False, False, False, False]
    """
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if argument == "--":
            position += 1
            break
        if not argument.startswith("-") or is_number(argument):
            break
        takes_next = flag(argument)
        if takes_next is None:
            return False
        position += 1 + takes_next
    operands = arguments[position:]
    return 1 <= len(operands) <= 3 and all(map(is_number, operands))


def flag(argument: str) -> int | None:
    """How many further arguments one of coreutils' flags takes: 0 or 1; None if it is not one of them."""
    if argument.startswith("--"):
        name, equals, _ = argument.partition("=")
        matches = [known for known in (*WITH_VALUE, "--equal-width") if len(name) > 2 and known.startswith(name)]
        if len(matches) != 1 or (equals and matches[0] == "--equal-width"):
            return None
        return int(matches[0] in WITH_VALUE and not equals)
    letters = argument[1:].lstrip("w")
    if not letters:
        return 0 if argument != "-" else None
    return int(len(letters) == 1) if letters[0] in "fs" else None


def is_number(text: str) -> bool:
    """As C's strtold reads it: decimal, hexadecimal, exponent, infinity."""
    if "_" in text or text != text.rstrip():
        return False
    text = text.replace(",", ".", 1)  # some languages' decimal point
    try:
        float(text)
    except ValueError:
        try:
            float.fromhex(text)
        except (ValueError, OverflowError):
            return False
        return "0x" in text.lower()
    return True


def hand_over(arguments: Sequence[str]) -> None:
    """Become the next `seq` on PATH that is not a copy of this program."""
    tried = os.environ.get(TRIED, "").split(os.pathsep)
    for candidate in others():
        if candidate not in tried:
            tried.append(candidate)
            os.environ[TRIED] = os.pathsep.join(tried)
            try:
                os.execv(candidate, ["seq", *arguments])
            except OSError:  # not a program after all
                continue
    sys.stderr.write("seq: numbers are for coreutils' seq, and there is none on PATH (verbs: seq --help)\n")
    sys.exit(1)


def others() -> Iterator[str]:
    """Every other `seq` on PATH, in its order."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(folder or os.curdir, "seq")
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            try:
                with open(candidate, "rb") as file:
                    ours = b"seqcli" in file.read(HEAD)  # however many copies there are, none hands over to another
            except OSError:
                ours = False  # may be run, not read
            if not ours:
                yield candidate


if __name__ == "__main__":
    main()
