"""Recurrent encoder-decoder (Sutskever et al. 2014), with attention (Bahdanau et al. 2015, Luong et al. 2015), for translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqcli.data.folder import Folder
from seqcli.models.neural.build import recipe_of
from seqcli.models.neural.settings import RecurrentTranslation

if TYPE_CHECKING:
    from seqcli.models.neural.translation import Translator


@dataclass(frozen=True)
class Recipe(RecurrentTranslation):
    """Hyper-parameters of `seq train seq2seq`."""


def load(found: Folder) -> Translator:
    """The translator in a folder.

    Raises:
        Failure: the tensors do not fit the configuration, or are not numbers.
    """
    from seqcli.models.neural.translation import Translator

    return Translator.load(found, recipe_of(found))
