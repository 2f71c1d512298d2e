"""Taggers and classifiers: an encoder of words in their sentences, and a head.

The encoder is recurrent over the vectors of words (or is not there: a bag of words), or BERT's, see `seqcli.models.neural.bert`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from seqcli.data import folder
from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.heads.classes import Classes
from seqcli.heads.tags import CRFTags, SoftmaxTags
from seqcli.models.neural.pieces import PaddedPieces, Pieces, PieceSentences
from seqcli.models.neural.settings import Neural as Settings
from seqcli.models.neural.settings import Recurrent
from seqcli.models.neural.weights import load_weights, weights_of
from seqcli.models.neural.words import Features, Padded, Sentences, WordInputs
from seqcli.models.tagger import ChainTagger
from seqcli.nn.chain import Chain
from seqcli.nn.dropout import Locked
from seqcli.nn.pooling import Pool
from seqcli.nn.recurrent import Recurrent as Encoder

if TYPE_CHECKING:
    from seqcli.models.bert import Recipe as Bert
    from seqcli.models.bert.checkpoint import Shape

AT_ONCE = 8192  # places of a batch in use, padding included


class Network(nn.Module):
    """An encoder of sentences, and a head on its states."""

    def __init__(self, recipe: Settings) -> None:
        super().__init__()
        self.kind, self.smoothing = recipe.head, recipe.smoothing
        self.head: SoftmaxTags | CRFTags | Classes
        self.pool: Pool | None = None

    def put_on(self, size: int, labels: Sequence[str], pool: str) -> None:
        """The head, on states of so many numbers; that of a whole text pools them."""
        if self.kind == "class":
            self.pool = Pool(pool, size)
            self.head = Classes(size, len(labels))
        else:
            self.head = CRFTags(size, labels) if self.kind == "crf" else SoftmaxTags(size, labels)

    def config(self) -> dict[str, Any]:
        """What a model folder has to say of the encoder beside the recipe."""
        return {}

    @abstractmethod
    def states(self, batch: Any) -> Tensor:
        """(B, L, D) of a batch as the model's features make it."""

    def flat(self, batch: Any) -> Tensor:
        """The states of all words end to end, (N, D)."""
        states = self.states(batch)
        return states[torch.arange(states.shape[1], device=states.device) < batch.lengths[:, None]]

    def pooled(self, batch: Any) -> Tensor:
        """(B, D)."""
        assert self.pool is not None
        found: Tensor = self.pool(self.states(batch), batch.lengths)
        return found

    def tag_loss(self, states: Tensor, lengths: IntArray, gold: Tensor) -> Tensor:
        """-log P of the gold tags (N,) of sentences end to end, summed."""
        assert not isinstance(self.head, Classes)
        return self.head.loss(states, lengths, gold)

    def class_loss(self, pooled: Tensor, gold: Tensor) -> Tensor:
        """-log P of the gold classes (B,), summed."""
        assert isinstance(self.head, Classes)
        return self.head.loss(pooled, gold, self.smoothing * self.training)


class WordNetwork(Network):
    """The vectors of words, a recurrent encoder, a head. Without layers there is no encoder: the states are the inputs."""

    def __init__(self, features: Features, labels: Sequence[str], recipe: Recurrent) -> None:
        super().__init__(recipe)
        self.inputs = WordInputs(features, recipe)
        self.drop_in, self.drop_out = Locked(recipe.dropout), Locked(recipe.dropout)
        self.encoder = None
        size = self.inputs.size
        if recipe.layers:
            self.encoder = Encoder(recipe.cell, size, recipe.size, recipe.layers, recipe.bidirectional, recipe.dropout)
            size = self.encoder.size
        self.put_on(size, labels, "ends" if recipe.pool == "last" and recipe.bidirectional else recipe.pool)

    def states(self, batch: Padded) -> Tensor:
        """See `Network.states`."""
        states = self.drop_in(self.inputs(batch))
        if self.encoder is not None:
            states = self.encoder(states, batch.lengths)[0]
        found: Tensor = self.drop_out(states)
        return found


class Neural:
    """A network with what it knows of words, and its labels."""

    bf16 = False  # whether the encoder's products are in bfloat16: faster on processors that have it, and less exact

    def __init__(self, features: Features | Pieces, network: Network, labels: Sequence[str], recipe: Settings) -> None:
        self.features, self.network, self.labels, self.recipe = features, network, tuple(labels), recipe

    @classmethod
    def of_words(cls, features: Features, labels: Sequence[str], recipe: Recurrent) -> Self:
        """A model that reads words, not trained."""
        return cls(features, WordNetwork(features, labels, recipe), labels, recipe)

    @classmethod
    def of_pieces(cls, features: Pieces, shape: Shape, labels: Sequence[str], recipe: Bert) -> Self:
        """A model that reads pieces of words, as BERT does, not trained."""
        from seqcli.models.neural.bert import BertNetwork

        return cls(features, BertNetwork(shape, labels, recipe), labels, recipe)

    @classmethod
    def load(cls, found: folder.Folder, recipe: Any) -> Self:
        """From a model folder."""
        labels = found.parameters["labels"]
        if "encoder" in found.parameters:
            from seqcli.models.bert.checkpoint import Shape

            shape = Shape.read(found.parameters["encoder"])
            model = cls.of_pieces(Pieces.load(found, shape, recipe.head), shape, labels, recipe)
        else:
            model = cls.of_words(Features.load(found.tensors, recipe.lowercase), labels, recipe)
        load_weights(model.network, found.tensors)
        return model

    def config(self) -> dict[str, Any]:
        """See `Tagger.config`."""
        return {"labels": list(self.labels), "head": self.recipe.head, **self.network.config()}

    def tensors(self) -> dict[str, AnyArray]:
        """See `Tagger.tensors`."""
        return self.features.tensors() | weights_of(self.network)

    def files(self) -> dict[str, str]:
        """See `Tagger.files`."""
        return self.features.files()

    def states(self, batch: Padded | PaddedPieces, read: Callable[[Any], Tensor]) -> Tensor:
        """What the network's `flat` or `pooled` reads, (N, D) or (B, D)."""
        with torch.autocast(batch.lengths.device.type, torch.bfloat16, enabled=self.bf16):
            return read(batch).float()

    def parts(self, sentences: Sentences | PieceSentences) -> Iterator[tuple[IntArray, Padded | PaddedPieces]]:
        """Sentences of like length together: their numbers, and the batch."""
        device = next(self.network.parameters()).device
        order = np.argsort(sentences.lengths, kind="stable")
        while len(order):
            count = max(1, AT_ONCE // max(1, int(sentences.lengths[order[-1]])))
            taken, order = order[-count:], order[:-count]
            yield taken, sentences.batch(taken).to(device)


class NeuralTagger(Neural, ChainTagger):
    """A tagger: BiLSTM-CRF and its kin (Huang et al. 2015; Lample et al. 2016; Ma and Hovy 2016)."""

    def chain(self, tokens: Sequence[str], lengths: IntArray) -> Chain:
        """See `ChainTagger.chain`."""
        self.network.eval()
        assert not isinstance(self.network.head, Classes)
        sentences = self.features.read(tokens, lengths)
        emission = np.zeros((len(tokens), len(self.labels)))
        with torch.inference_mode():
            chain = self.network.head.chain(torch.zeros(0, self.network.head.scores.in_features), np.zeros(0, dtype=np.int64))
            for taken, batch in self.parts(sentences):
                part = self.network.head.chain(self.states(batch, self.network.flat), lengths[taken])
                emission[sentences.places(taken)] = part.emission
        return Chain(emission, lengths, chain.transition, chain.initial, chain.final)


class Classifier(Neural):
    """One label for a whole text."""

    def log_probs(self, tokens: Sequence[str], lengths: IntArray) -> FloatArray:
        """Of B texts and K labels, (B, K)."""
        self.network.eval()
        assert isinstance(self.network.head, Classes)
        found = np.zeros((len(lengths), len(self.labels)), dtype=np.float32)
        with torch.inference_mode():
            for taken, batch in self.parts(self.features.read(tokens, lengths)):
                found[taken] = self.network.head(self.states(batch, self.network.pooled)).log_softmax(1).cpu().numpy()
        return found
