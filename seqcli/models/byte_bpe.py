"""Byte-pair encoding over bytes: 256 of them are the alphabet, so nothing is unknown (GPT-2, Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seqcli.errors import UsageFailure
from seqcli.text.subword import learn


@dataclass(frozen=True)
class Recipe(learn.Settings):
    """The settings with their defaults."""

    min_frequency: int = 2  # a rarer pair is not joined
    max_piece_length: int = 32  # bytes


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Learn merges from text; a piece is spelled as GPT-2 spells it, a visible character for each byte.

    Raises:
        UsageFailure: a symbol that would be decoded as something else.
        Failure: nothing to learn from, or a vocabulary smaller than the alphabet.
    """
    from tokenizers import decoders
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    for symbol in recipe.symbols:
        if decoders.ByteLevel().decode([symbol]) != symbol:
            raise UsageFailure(f"symbol {symbol!r} looks like bytes as GPT-2 spells them", hint="use ASCII characters, or train bpe")
    material = learn.gather(files, recipe, learn.before_blanks)
    learn.check_size(recipe, {"special tokens": len(recipe.special_tokens), "bytes": 256, "symbols": len(recipe.symbols)})
    report(material.summary)
    trainer = BpeTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        max_token_length=recipe.max_piece_length,
        special_tokens=[*recipe.special_tokens, *recipe.symbols],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    gpt2 = ByteLevel(add_prefix_space=False)
    every = replace(material, left_out="")  # bytes leave no character out
    model = learn.fit(BPE(), trainer, learn.words(every, gpt2, recipe.symbols, None))
    made = learn.assemble(model, steps=material.steps, pre_tokenizer=gpt2, decoder=decoders.ByteLevel(), added=recipe.symbols)
    return learn.Learned(made, material.text)
