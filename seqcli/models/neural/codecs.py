"""The codecs of a translator's two sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from seqcli.data import folder
from seqcli.models.language_model import learn_codec
from seqcli.text.codec import LEARNED, Codec
from seqcli.text.subword.open import TOKENIZER

if TYPE_CHECKING:
    from seqcli.models.neural.settings import Translation

SOURCE = "tokenizer.source.json"  # of a source with a vocabulary of its own


class Codecs(NamedTuple):
    """Of the two sides; one and the same if the vocabulary is shared."""

    source: Codec
    target: Codec

    @classmethod
    def learn(cls, src: Sequence[str], tgt: Sequence[str], recipe: Translation, report: Callable[[str], None]) -> Codecs:
        """From the training data, as `learn_codec` does."""
        if recipe.shared or recipe.units not in LEARNED:
            codec = learn_codec([*src, *tgt], recipe, report)
            return cls(codec, codec)
        return cls(*(learn_codec(files, recipe, report) for files in (src, tgt)))

    @classmethod
    def load(cls, found: folder.Folder) -> Codecs:
        """From a model folder."""
        target = Codec.load(found)
        said = found.parameters.get("source")
        return cls(target if said is None else Codec(found.text(SOURCE), str(said["units"])), target)

    @property
    def shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    def config(self) -> dict[str, Any]:
        """What `load` needs beside the files."""
        return {"codec": self.target.config(), **({} if self.shared else {"source": self.source.config()})}

    def files(self) -> dict[str, str]:
        """The files of a model folder."""
        return {**self.target.files(), **({} if self.shared else {SOURCE: self.source.files()[TOKENIZER]})}


class Sides:
    """What a translator knows of text, whatever runs its network."""

    codecs: Codecs
    recipe: Translation

    @property
    def longest(self) -> int:
        """Tokens of a source or a target as the model has learned them, the end not counted: what is longer is cut up."""
        return self.recipe.longest

    def prepare(self, lines: Sequence[str]) -> list[list[int]]:
        """Lines as sources: ids, and the end."""
        codec = self.codecs.source
        return [[*ids, codec.end] for ids in codec.encode(lines)]

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """Texts as the ids that the model would write, without the end."""
        return self.codecs.target.encode(texts)
