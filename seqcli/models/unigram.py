"""Unigram language model: the likeliest pieces of a word, from a vocabulary pruned until it is small enough (Kudo 2018).

Words keep the blank before them, and characters that the vocabulary lacks are spelled as bytes, so no text loses anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.text.subword import blanks, learn

STEP = 1e-4  # by which the trainer sets scores of characters apart that it met within pieces only
PLACES = 5  # of a score that are kept


@dataclass(frozen=True)
class Recipe(blanks.Settings):
    """The settings with their defaults."""


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Learn pieces and their log-probabilities from text.

    Raises:
        Failure: nothing to learn from, or a vocabulary smaller than the alphabet.
    """
    from tokenizers.models import Unigram
    from tokenizers.trainers import UnigramTrainer

    material, settings = blanks.gather(files, recipe, True, report)
    first = blanks.first_pieces(settings, unknown=True)
    trainer = UnigramTrainer(
        vocab_size=recipe.vocab_size,
        special_tokens=first,
        initial_alphabet=[" ", *material.characters],
        unk_token=learn.UNKNOWN,
        max_piece_length=recipe.max_piece_length,
        show_progress=False,
    )
    found = learn.words(material, blanks.pre_tokenizer(settings), settings.symbols, marks=blanks.marks(settings))
    model = learn.fit(Unigram(), trainer, found)
    given = set(first)
    pieces = settled([(piece, score) for piece, score in model["vocab"] if piece not in given])
    model["vocab"] = [[piece, 0.0] for piece in first] + [[piece, score] for piece, score in pieces]
    model["unk_id"], model["byte_fallback"] = first.index(learn.UNKNOWN), recipe.byte_fallback
    return blanks.finish(model, material, settings)


def settled(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The pieces with scores that do not depend on the order in which the trainer happened to add them up.

    Characters that it found in pieces only have scores a STEP apart in no order: all get the lowest. The others differ from run to
    run in the last digits, most of it the same for all: they are rounded relative to the highest.

    >>> settled([("a", -1.2345678), ("b", -9.0), ("c", -8.9999)])
    [('a', -1.23457), ('b', -9.0), ('c', -9.0)]
    """
    lowest = min(score for _, score in pieces)
    highest = max(score for _, score in pieces)
    flat = set[str]()
    for rank, (piece, score) in enumerate(sorted((p for p in pieces if len(p[0]) == 1), key=lambda pair: pair[1])):
        if score > lowest + rank * STEP + STEP / 100:
            break
        flat.add(piece)
    rounded = [(piece, lowest if piece in flat else score) for piece, score in pieces]
    found = [(piece, round(round(score - highest, PLACES) + round(highest, PLACES), PLACES)) for piece, score in rounded]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
