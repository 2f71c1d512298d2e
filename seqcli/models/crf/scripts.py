"""Features for small treebanks and other scripts: what `describe` says of a word, with some of it left out or added.

`plain` has fewer features of neighbours, which a small treebank cannot tell from chance. `chinese` looks at the characters inside a
word. `korean` looks at its last letters (jamo), which are the particles and endings; a syllable block hides them. `characters` is for
texts whose words are single characters.

>>> word = describe("갔다")
>>> [name for name in vary("갔다", word, "korean").center if name.startswith("j3=")] == ["j3=" + normalize("NFD", "갔다")[-3:]]
True
>>> vary("三輪車", describe("三輪車"), "chinese").center[-2:]
['n=3', 'i=輪']
"""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

from seqcli.errors import UsageFailure
from seqcli.models.crf.features import BOUNDARY, Features, describe
from seqcli.models.crf.folding import unfolded

__all__ = ["KINDS", "describe", "vary", "vary_all"]
KINDS = ("", "plain", "chinese", "korean", "characters")
SAME = ("l=", "s1=", "p1=")  # of a character, which w= says too
ENDINGS = range(1, 8)  # letters at the end of a Korean word
LONG = ("s4=", "s5=", "s6=", "p4=", "l=")  # of a Chinese word they say no more than the word
BLOCKS = ("s4=", "s5=", "s6=", "p1=", "p4=", "l=")


def vary_all(types: Sequence[str], described: list[Features], kind: str) -> list[Features]:
    """The features of types, folded or not, as `kind` would have them.

    Raises:
        UsageFailure: there is no such kind.
    """
    if not kind:
        return described
    if kind not in KINDS:
        raise UsageFailure(f"features = {kind!r}", hint=f"one of {', '.join(KINDS[1:])}, or none")
    return [vary(word, features, kind) for word, features in zip(unfolded(types), described, strict=True)]


def vary(word: str, features: Features, kind: str) -> Features:
    """The features of a word as `kind` would have them."""
    if word == BOUNDARY:
        return features
    center, near = features.center, [name for name in features.near if not name.startswith(("s2=", "s3="))]
    if kind == "characters":
        return Features([name for name in center if not name.startswith(SAME)], near, features.values)
    if kind == "chinese":
        center = [name for name in center if not name.startswith(LONG)]
        center += [f"n={min(len(word), 5)}", *(f"i={character}" for character in word[1:-1])]
    elif kind == "korean":
        letters = normalize("NFD", word)
        center = [name for name in center if not name.startswith(BLOCKS)]
        center += [f"j{size}={letters[-size:]}" for size in ENDINGS if size <= len(letters)]
    return Features(center, near, features.values)
