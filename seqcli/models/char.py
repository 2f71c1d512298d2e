"""Characters as pieces, blanks among them; those that the vocabulary lacks are <unk>."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.text.subword import learn


@dataclass(frozen=True)
class Recipe(learn.Settings):
    """The settings with their defaults; a text with more characters than `vocab_size` keeps the most frequent."""

    coverage: float = 0.9995  # of the text by the characters in the vocabulary, as SentencePiece means it


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Count characters.

    Raises:
        Failure: nothing to learn from, or no room for a single character.
    """
    from tokenizers import Regex, decoders
    from tokenizers.pre_tokenizers import Split

    material = learn.gather(files, recipe, learn.before_blanks)
    model = learn.word_level([" ", *material.characters], recipe)
    report(material.summary)
    each = Split(Regex(r"[\s\S]"), "isolated")
    made = learn.assemble(model, steps=material.steps, pre_tokenizer=each, decoder=decoders.Fuse(), added=recipe.symbols)
    return learn.Learned(made, material.text)
