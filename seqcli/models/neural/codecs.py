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
