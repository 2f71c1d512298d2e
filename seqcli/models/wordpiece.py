"""WordPiece, BERT's tokenizer: the longest piece that fits, `##` before what goes on a word, [UNK] for words that cannot be spelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqcli.text.subword import learn

UNKNOWN = "[UNK]"
PREFIX = "##"


@dataclass(frozen=True)
class Recipe(learn.Settings):
    """The settings with their defaults; `lowercase` drops accents too, as BERT's uncased models do."""

    special_tokens: tuple[str, ...] = ("[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]")
    coverage: float = 0.9995  # of the text by the characters in the vocabulary
    min_frequency: int = 2  # a rarer pair is not joined


def train(files: Sequence[str], recipe: Recipe, report: learn.Report) -> learn.Learned:
    """Learn pieces as BPE does, from words and punctuation marks; blanks are not kept.

    Raises:
        Failure: nothing to learn from, or a vocabulary smaller than the alphabet.
    """
    from tokenizers import decoders, normalizers
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.trainers import WordPieceTrainer

    lowercase = "lowercase" in recipe.normalization
    bert = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=lowercase, lowercase=lowercase)
    material = learn.gather(files, recipe, str.split, bert)
    special = [*recipe.special_tokens, *[UNKNOWN] * (UNKNOWN not in recipe.special_tokens)]
    alphabet = sorted(material.characters)
    parts = {"special tokens": len(special), "symbols": len(recipe.symbols), "characters": len(alphabet)}
    learn.check_size(recipe, {**parts, "characters within words": len(alphabet)})
    report(material.summary)
    trainer = WordPieceTrainer(
        vocab_size=recipe.vocab_size,
        min_frequency=recipe.min_frequency,
        special_tokens=[*special, *recipe.symbols, *alphabet, *(PREFIX + character for character in alphabet)],
        continuing_subword_prefix=PREFIX,
        show_progress=False,
    )  # fmt: skip
    pre_tokenizer = BertPreTokenizer()
    found = learn.words(material, pre_tokenizer, recipe.symbols, learn.ascii_letters)
    model = learn.fit(WordPiece(unk_token=UNKNOWN), trainer, found)
    model["unk_token"] = UNKNOWN
    decoder = decoders.WordPiece(PREFIX, cleanup=True)
    made = learn.assemble(model, steps=material.steps, pre_tokenizer=pre_tokenizer, decoder=decoder, added=recipe.symbols)
    return learn.Learned(made, material.text)
