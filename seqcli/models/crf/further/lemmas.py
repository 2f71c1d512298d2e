"""Lemmas by edit scripts: what to cut from a form's beginning and end and what to put there, and what becomes of its case.

A script is a tag like any other: `went` needs one of its own, `walking` one that thousands of words share. Which one a word takes is
told by its tag and its longest known suffix, the whole word before all. A suffix is kept only where it says something else than the
shorter one that is kept already, so seen words and rules for unseen ones are one small table.

>>> forms = ["walking", "talking", "making", "taking", "Paris"]
>>> lemmas = learn(forms, ["walk", "talk", "make", "take", "Paris"], ["VERB"] * 4 + ["PROPN"])
>>> lemmas.of([("Baking", "VERB"), ("stalking", "VERB"), ("Rome", "PROPN")])
['bake', 'stalk', 'Rome']
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from seqcli.data.examples import AnyArray, IntArray
from seqcli.data.folder import take
from seqcli.errors import Failure
from seqcli.models.names import Names, order, pack, unpack
from seqcli.models.tagger import Tensors

LONGEST = 6  # letters of a suffix
SHARED = 2  # words that a rule needs
WHOLE = "^"  # before a suffix that is the whole word


class Script(NamedTuple):
    """An edit of a form in small letters."""

    cut: str  # from the beginning …
    before: str  # … and what stands there instead
    end: str  # from the end …
    after: str  # … and what stands there instead

    def fits(self, form: str) -> bool:
        """Whether there is all that it cuts."""
        return form.startswith(self.cut) and form.endswith(self.end) and len(self.cut) + len(self.end) <= len(form)

    def __call__(self, form: str) -> str:
        """The form edited; its case counts for nothing."""
        return self.before + form[len(self.cut) : len(form) - len(self.end)] + self.after


def script(form: str, lemma: str) -> Script:
    """What makes the lemma of the form: all but the longest part that they share is replaced.

    >>> script("walked", "walk"), script("gelopen", "lopen").cut
    (Script(cut='', before='', end='ed', after=''), 'ge')
    """
    length, start, other = 0, 0, 0
    above = [0] * (len(lemma) + 1)
    for i, letter in enumerate(form):
        row = [0] * (len(lemma) + 1)
        for j, wanted in enumerate(lemma):
            if letter == wanted:
                row[j + 1] = size = above[j] + 1
                if size > length:
                    length, start, other = size, i + 1 - size, j + 1 - size
        above = row
    return Script(form[:start], lemma[:other], form[start + length :], lemma[other + length :])


LOWERED, KEPT, TITLED, RAISED = CASES = ("lower", "keep", "title", "upper")


def cased(how: str, edit: Script, form: str) -> str:
    """The lemma in one of the `CASES`.

    >>> [cased(how, Script("", "", "s", ""), "NATO's") for how in CASES]
    ["nato'", "NATO'", "Nato'", "NATO'"]
    """
    if how == KEPT:
        return edit(form)
    lemma = edit(form.lower())
    return lemma if how == LOWERED else lemma[:1].upper() + lemma[1:] if how == TITLED else lemma.upper()


def shape(form: str) -> str:
    """How a form begins: `x`, `Xx`, `XX` or `d` for what has no case."""
    if form == form.lower():
        return "x" if form != form.upper() else "d"
    return "XX" if form == form.upper() and len(form) > 1 else "Xx"


class Suffixes:
    """A value for every word of a kind, by its longest suffix that is known."""

    def __init__(self, kinds: Sequence[str], keys: Names, values: IntArray) -> None:
        self.kinds, self.keys, self.values = {kind: i for i, kind in enumerate(kinds)}, keys, values

    @classmethod
    def of(cls, kinds: Sequence[str], found: dict[str, int]) -> Suffixes:
        """From the values of keys as `endings` has them."""
        names = list(found)
        in_order = order(names)
        values = np.array([found[names[i]] for i in in_order], dtype=np.int64)
        return cls(kinds, Names(pack([names[i] for i in in_order])), values)

    def candidates(self, words: Sequence[tuple[str, str]]) -> list[list[int]]:
        """The values of all known suffixes of each (word, kind), longest first."""
        asked = [endings(word, self.kinds.get(kind, -1)) for word, kind in words]
        rows = self.keys.numbers([key for keys in asked for key in keys])
        known = np.append(self.values, -1)[rows].tolist()
        found, at = [], 0
        for keys in asked:
            found.append([value for value in known[at : at + len(keys)] if value >= 0])
            at += len(keys)
        return found

    def tensors(self, name: str) -> dict[str, AnyArray]:
        """For the model folder, under a name."""
        values = self.values.astype(np.int16)
        return {f"{name}.kinds": pack(list(self.kinds)), f"{name}.keys": self.keys.packed, f"{name}.values": values}

    @classmethod
    def load(cls, tensors: Tensors, name: str, many: int) -> Suffixes:
        """Raises Failure: missing, or values that there are not among so many."""
        keys = Names(take(tensors, f"{name}.keys", None))
        values = take(tensors, f"{name}.values", len(keys)).astype(np.int64)
        if len(values) and not 0 <= values.min() <= values.max() < many:
            raise Failure(f"the tensor '{name}.values' names what there is not", hint="train it again")
        return cls(unpack(take(tensors, f"{name}.kinds", None)), keys, values)


def endings(word: str, kind: int) -> list[str]:
    r"""The word and its suffixes as keys, longest first.

    >>> endings("was", 3)
    ['3\t^was', '3\twas', '3\tas', '3\ts', '3\t']
    """
    start = max(0, len(word) - LONGEST)
    return [f"{kind}\t{WHOLE}{word}", *(f"{kind}\t{word[i:]}" for i in range(start, len(word) + 1))]


class Seen(NamedTuple):
    """A word of the training text, with what is to be told of it."""

    word: str
    kind: str
    value: int
    times: int


def compress(seen: Sequence[Seen], rules: Sequence[int]) -> Suffixes:
    """Keep of all suffixes those that say something new; `rules` (values,) is the shortest suffix that a value may be a rule of.

    A suffix speaks for the words that share it, a word as a whole for how often it occurs.
    """
    kinds = sorted({each.kind for each in seen})
    number = {kind: i for i, kind in enumerate(kinds)}
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for each in seen:
        whole, *suffixes = endings(each.word, number[each.kind])
        counts[whole][each.value] += each.times
        for key in suffixes:
            if rules[each.value] <= len(key) - key.index("\t") - 1:
                counts[key][each.value] += 1
    best = {key: max(sorted(found.items()), key=lambda item: item[1]) for key, found in counts.items()}
    kept: dict[str, int] = {}
    for kind in range(len(kinds)):
        kept[f"{kind}\t"] = best.get(f"{kind}\t", (0, 0))[0]
    for key in sorted((key for key in best if f"\t{WHOLE}" not in key and key[-1] != "\t"), key=len):
        value, words = best[key]
        if words >= SHARED and value != inherited(kept, key):
            kept[key] = value
    for key in (key for key in best if f"\t{WHOLE}" in key):
        if best[key][0] != inherited(kept, key.replace(WHOLE, "", 1)):
            kept[key] = best[key][0]
    return Suffixes.of(kinds, kept)


def inherited(kept: dict[str, int], key: str) -> int:
    """The value of the longest suffix of a key that is kept; the empty one always is."""
    kind, _, word = key.partition("\t")
    return next(kept[suffix] for i in range(max(0, len(word) - LONGEST), len(word) + 1) if (suffix := f"{kind}\t{word[i:]}") in kept)


class Lemmas:
    """A lemma for every form with its tag."""

    def __init__(self, scripts: Sequence[Script], edits: Suffixes, cases: Suffixes) -> None:
        self.scripts, self.edits, self.cases = scripts, edits, cases

    def of(self, words: Sequence[tuple[str, str]]) -> list[str]:
        """The lemma of each (form, tag); that of a tag never seen is the form in small letters."""
        lowered = [(form.lower(), tag) for form, tag in words]
        edits = self.edits.candidates(lowered)
        cases = self.cases.candidates([(form, f"{tag} {shape(form_)}") for (form, tag), (form_, _) in zip(lowered, words, strict=True)])
        found = []
        for (form, _), (lower, _), scripts, ways in zip(words, lowered, edits, cases, strict=True):
            edit = next((s for number in scripts if (s := self.scripts[number]).fits(lower)), NOTHING)
            lemma = cased(CASES[ways[0]] if ways else LOWERED, edit, form)
            found.append(lemma or form)
        return found

    def tensors(self) -> dict[str, AnyArray]:
        """For the model folder."""
        scripts = pack(["\t".join(each) for each in self.scripts])
        return {"lemma.scripts": scripts, **self.edits.tensors("lemma.edits"), **self.cases.tensors("lemma.cases")}


NOTHING = Script("", "", "", "")


def load(tensors: Tensors) -> Lemmas:
    """Raises Failure: a tensor is missing or does not fit."""
    parts = [line.split("\t") for line in unpack(take(tensors, "lemma.scripts", None))]
    if not all(len(part) == len(Script._fields) for part in parts):
        raise Failure("the tensor 'lemma.scripts' holds what is no script", hint="train it again")
    scripts = [Script(*part) for part in parts]
    return Lemmas(scripts, Suffixes.load(tensors, "lemma.edits", len(scripts)), Suffixes.load(tensors, "lemma.cases", len(CASES)))


def learn(forms: Iterable[str], lemmas: Iterable[str], tags: Iterable[str]) -> Lemmas:
    """From words with their lemmas and tags, as they stand in a text."""
    times = Counter(zip(forms, lemmas, tags, strict=True))
    edited = {(form, lemma): script(form.lower(), lemma.lower()) for form, lemma, _ in times}
    shared = Counter(edit for _, edit in {(form.lower(), edit) for (form, _), edit in edited.items()})
    scripts = [NOTHING, *sorted(set(edited.values()) - {NOTHING})]
    number = {edit: i for i, edit in enumerate(scripts)}
    shortest = [len(edit.end) if shared[edit] >= SHARED else LONGEST + 1 for edit in scripts]
    words: Counter[tuple[str, str, int]] = Counter()
    cases: Counter[tuple[str, str, int]] = Counter()
    for (form, lemma, tag), count in times.items():
        edit = edited[form, lemma]
        words[form.lower(), tag, number[edit]] += count
        way = next((i for i, how in enumerate(CASES) if cased(how, edit, form) == lemma), None)
        if way is not None:
            cases[form.lower(), f"{tag} {shape(form)}", way] += count
    return Lemmas(
        scripts,
        compress([Seen(*key, count) for key, count in words.items()], shortest),
        compress([Seen(*key, count) for key, count in cases.items()], [0] * len(CASES)),
    )
