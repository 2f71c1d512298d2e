"""BERT (Devlin et al. 2019): an encoder that others have pre-trained on raw text, taught to label words or texts.

`pretrained` is a folder of Hugging Face's layout with a BERT encoder (BERT itself, MiniLM …), or one of ours that has learned before.
"""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.data.folder import Folder
from seqcli.errors import UsageFailure, nearest
from seqcli.models.neural.build import load
from seqcli.models.neural.settings import Neural

__all__ = ["Recipe", "load"]

POOLINGS = ("mean", "max", "first", "last", "attention")
CARD = """# {name}

BERT's encoder: {layers} layers of {size}, {pieces} pieces, a Hugging Face folder.

## Licence

That of the folder.

## Use

`seq train bert --set pretrained={path}` teaches it tags or classes.
"""


@dataclass(frozen=True)
class Recipe(Neural):
    """Hyper-parameters of `seq train bert`; the encoder's shape is that of the folder it begins with."""

    pretrained: str = ""  # a model folder whose encoder learning begins with
    written: int = 32  # numbers of a vector for how a word is written (in capitals, with a digit …), of it and its neighbours; 0: none
    hidden: int = 256  # of a layer between encoder and head; 0: none
    pool: str = "mean"  # class: of the states of all pieces; or last, max, first, attention
    dropout: float = 0.1
    rate: float = 1e-3
    slow: tuple[str, ...] = ("encoder.*",)
    slow_rate: float = 0.1
    schedule: str = "linear"
    warmup: int = 60
    epochs: int = 3
    batch: int = 32

    def check(self) -> None:
        """Raises UsageFailure: see `Neural.check`; nothing to begin with; settings that are the encoder's own."""
        super().check()
        if not self.pretrained:
            raise UsageFailure("nothing to begin with: bert learns from an encoder that is there", hint="--set pretrained=FOLDER")
        if self.head == "language":
            raise UsageFailure("head=language: bert learns tags and classes", hint="seq train gpt learns what comes next")
        if self.vocab_size or self.lowercase or self.min_count > 1:
            raise UsageFailure("vocab_size, min_count and lowercase have no effect: the words are cut as the encoder knows them")
        if self.pool not in POOLINGS:
            raise UsageFailure(f"pool={self.pool}: no such pooling", hint=nearest(self.pool, POOLINGS))
        for name in ("written", "hidden"):
            if getattr(self, name) < 0:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 0")


def card(found: Folder) -> str:
    """What a Hugging Face folder holds, in words; its weights need not be read."""
    from seqcli.models.bert.checkpoint import Shape

    shape = Shape.of(found.parameters["others"])
    return CARD.format(name=found.path.name, layers=shape.layers, size=shape.size, pieces=shape.pieces, path=found.path)
