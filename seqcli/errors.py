"""What a user is told when something is wrong: one line that says what, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Failure(Exception):
    """An error of the user's input or surroundings, never of the program: exit code 1, no traceback.

    >>> str(Failure("notes.txt, line 3: not UTF-8", hint="convert it, or pass --errors replace"))
    'notes.txt, line 3: not UTF-8 (convert it, or pass --errors replace)'
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class UsageFailure(Failure):
    """The command line itself is wrong: exit code 2."""

    exit_code = 2


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word closest to `word`, or lists what is known.

    >>> nearest("vitebri", ["viterbi", "posterior"])
    "did you mean 'viterbi'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    close.sort(key=lambda name: (-difflib.SequenceMatcher(None, name, word).ratio(), name[:1] != word[:1]))
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
