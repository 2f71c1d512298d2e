"""Words and punctuation marks as pieces, by Unicode's categories; words that the vocabulary lacks are <unk>."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.text.subword import learn

ALONE = r"[\p{Han}\p{Hiragana}]"  # each a word, for nothing shows where theirs end
LETTERS = rf"(?:(?!{ALONE})[\p{{L}}\p{{N}}\p{{M}}_])+"
INNER = rf"(?:['’·‧.]|(?<=\p{{N}})[,:](?=\p{{N}})){LETTERS}"  # what holds a word together: l'an, 3.14, 10,000
WORDS = rf"{ALONE}\p{{M}}*|{LETTERS}(?:{INNER})*|\.\.+|--+|!!+|\?\?+|[^\s\p{{L}}\p{{N}}\p{{M}}\p{{Cc}}_]"


@dataclass(frozen=True)
class Recipe(learn.Settings):
    """The settings with their defaults."""

    min_frequency: int = 1  # a rarer word is left out


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Count words.

    Raises:
        Failure: nothing to learn from, or no room for a single word.
    """
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import Split

    material = learn.gather(files, recipe, str.split)
    cut = Split(Regex(WORDS), "removed", invert=True)
    counts: Counter[str] = Counter()
    for word, count in learn.words(material, cut, recipe.symbols, learn.ascii_letters):
        counts[word] += count
    words = sorted((word for word, count in counts.items() if count >= recipe.min_frequency), key=lambda word: (-counts[word], word))
    model = learn.word_level(words, recipe)
    report(material.summary)
    made = learn.assemble(model, steps=material.steps, pre_tokenizer=cut, decoder=None, added=recipe.symbols)
    return learn.Learned(made, material.text)
