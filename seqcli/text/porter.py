"""Porter's stemmer (1980) with the changes that nltk made to it, stem for stem.

A word is a row of consonants and vowels, `y` a vowel after a consonant. Its measure m is how often a vowel is followed by a
consonant. Each step takes the first ending of its list that the word has, and replaces it if what is left is long enough.

>>> [stem(word) for word in ("caresses", "flies", "dying", "relational", "hopefulness", "happy", "enjoy")]
['caress', 'fli', 'die', 'relat', 'hope', 'happi', 'enjoy']
"""

from __future__ import annotations

IRREGULAR = {
    **dict.fromkeys(("sky", "skies"), "sky"), "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
    **dict.fromkeys(("innings", "inning"), "inning"), **dict.fromkeys(("outings", "outing"), "outing"),
    **dict.fromkeys(("cannings", "canning"), "canning"),
    **{word: word for word in ("howe", "proceed", "exceed", "succeed")},
}  # fmt: skip
CONSONANTS = str.maketrans({chr(code): "v" if chr(code) in "aeiou" else "y" if chr(code) == "y" else "c" for code in range(128)})
STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"),
    ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"),
    ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
    ("fulli", "ful"), ("logi", "log"),
)  # fmt: skip
STEP_3 = (("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""))
STEP_4 = ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti", "ous",
          "ive", "ize")  # fmt: skip


def by_ending(rules: tuple[tuple[str, str], ...]) -> dict[str, list[tuple[str, str]]]:
    """The rules by the last two letters of their endings, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for ending, instead in rules:
        found.setdefault(ending[-2:], []).append((ending, instead))
    return found


RULES_2, RULES_3, RULES_4 = by_ending(STEP_2), by_ending(STEP_3), by_ending(tuple((ending, "") for ending in STEP_4))


def stem(word: str) -> str:
    """The stem of a lower-case word of letters a to z and digits; of one or two letters, the word."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = inflected(plural(word))
    if word[-1] == "y" and len(word) > 2 and kinds(word)[-2] == "c":
        word = word[:-1] + "i"
    word = derived(word)
    if (rules := RULES_3.get(word[-2:])) and (found := ending_of(word, rules)):
        ending, instead = found
        if measure(word[: -len(ending)]) > 0:
            word = word[: -len(ending)] + instead
    if (rules := RULES_4.get(word[-2:])) and (found := ending_of(word, rules)):
        rest = word[: -len(found[0])]
        if measure(rest) > 1 and (found[0] != "ion" or rest[-1] in "st"):
            word = rest
    return tidied(word)


def kinds(word: str) -> str:
    """Each letter as `c` or `v`.

    >>> kinds("yearly"), kinds("syzygy")
    ('cvvccv', 'cvcvcv')
    """
    found = word.translate(CONSONANTS)
    while (at := found.find("y")) >= 0:
        found = found[:at] + ("v" if at and found[at - 1] == "c" else "c") + found[at + 1 :]
    return found


def measure(word: str) -> int:
    """How often a consonant follows a vowel.

    >>> measure("tree"), measure("oats"), measure("private")
    (0, 1, 2)
    """
    return kinds(word).count("vc")


def short(word: str) -> bool:
    """Whether a word ends as `hop` does, or is of two letters like `at`."""
    found = kinds(word)
    return (found[-3:] == "cvc" and word[-1] not in "wxy") or found == "vc"


def ending_of(word: str, rules: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The first rule whose ending the word has."""
    for rule in rules:
        if word.endswith(rule[0]):
            return rule
    return None


def plural(word: str) -> str:
    """Step 1a."""
    if word[-1] != "s":
        return word
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    return word[:-2] if word.endswith("sses") else word if word.endswith("ss") else word[:-1]


def inflected(word: str) -> str:
    """Step 1b: -ed and -ing."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if measure(word[:-3]) > 0 else word
    rest = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else ""
    found = kinds(rest)
    if "v" not in found:
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if len(rest) > 1 and rest[-1] == rest[-2] and found[-1] == "c":
        return rest if rest[-1] in "lsz" else rest[:-1]
    return rest + "e" if found.count("vc") == 1 and short(rest) else rest


def derived(word: str) -> str:
    """Step 2."""
    if word.endswith("alli") and measure(word[:-4]) > 0:
        return derived(word[:-2])
    if (rules := RULES_2.get(word[-2:])) and (found := ending_of(word, rules)):
        ending, instead = found
        if measure(word[: -3 if ending == "logi" else -len(ending)]) > 0:
            return word[: -len(ending)] + instead
    return word


def tidied(word: str) -> str:
    """Step 5: a last -e, and one of two l."""
    if word[-1:] == "e":
        rest = word[:-1]
        m = measure(rest)
        if m > 1 or (m == 1 and not short(rest)):
            word = rest
    if word.endswith("ll") and measure(word[:-1]) > 1:
        word = word[:-1]
    return word
