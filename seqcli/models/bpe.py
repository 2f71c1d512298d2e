"""Byte-pair encoding: the commonest pair of neighbouring pieces becomes a piece, again and again (Sennrich et al. 2016).

Words keep the blank before them, and characters that the vocabulary lacks are spelled as bytes, so no text loses anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.text.subword import blanks, learn


@dataclass(frozen=True)
class Recipe(blanks.Settings):
    """The settings with their defaults."""

    min_frequency: int = 2  # a rarer pair is not joined


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Learn merges from text.

    Raises:
        Failure: nothing to learn from, or a vocabulary smaller than the alphabet.
    """
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    material, settings = blanks.gather(files, recipe, not recipe.byte_fallback, report)
    trainer = BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        max_token_length=recipe.max_piece_length,
        special_tokens=blanks.first_pieces(settings, not recipe.byte_fallback),
        initial_alphabet=[" "],
        show_progress=False,
    )
    unknown = {} if recipe.byte_fallback else {"unk_token": learn.UNKNOWN}
    found = learn.words(material, blanks.pre_tokenizer(settings), settings.symbols, marks=blanks.marks(settings))
    model = learn.fit(BPE(byte_fallback=recipe.byte_fallback, ignore_merges=bool(settings.symbols), **unknown), trainer, found)
    return blanks.finish(model, material, settings)
