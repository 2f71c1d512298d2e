"""Our Transformers as models of CTranslate2: translators (specification TransformerSpec), GPT (TransformerDecoderSpec).

Both compute the same; only names differ, and that queries, keys and values are one matrix or two. A matrix that was rounded stays as it
is: CTranslate2 has the same whole numbers, and scales that are the inverse of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli.data import folder
from seqcli.data.examples import AnyArray, FloatArray
from seqcli.engines.layout import packed
from seqcli.errors import Failure
from seqcli.models.neural.rounding import SCALES, WEIGHT

if TYPE_CHECKING:
    from seqcli.models.neural.codecs import Codecs
    from seqcli.models.neural.settings import EncoderDecoder, Transformer
    from seqcli.text.codec import Codec

MODEL, CONFIG = "model.bin", folder.CONFIG
TRANSLATOR, LANGUAGE_MODEL = ("TransformerSpec", 7), ("TransformerDecoderSpec", 8)  # specifications and their revisions
ACTIVATIONS = {"relu": 0, "gelu-tanh": 1, "silu": 2, "swiglu": 2, "gelu": 3}
ROOM = 512  # places at least, where they cost nothing
BASE = 10000.0  # of the waves and rotations
EPSILON = 1e-5  # of the layer norms


def converted(tensors: Mapping[str, AnyArray], recipe: EncoderDecoder, codecs: Codecs) -> dict[str, bytes]:
    """The files of a CTranslate2 model that translates, by name.

    Raises:
        Failure: a tensor is missing, of another shape, or not of numbers; or the engine has no such activation.
    """
    made = Conversion(tensors, recipe, codecs)
    made.run()
    source, target = names(codecs.source), names(codecs.target)
    vocabularies = {"shared": target} if codecs.shared else {"source": source, "target": target}
    files = {f"{side}_vocabulary.json": json.dumps(each).encode() for side, each in vocabularies.items()}
    config = json.dumps(settings(target[codecs.target.end], target[0])).encode()
    return {MODEL: packed(*TRANSLATOR, made.variables, made.aliases), CONFIG: config, **files}


def converted_language(tensors: Mapping[str, AnyArray], recipe: Transformer, codec: Codec) -> dict[str, bytes]:
    """The files of a CTranslate2 model that goes on with a text, by name; raises as `converted`."""
    made = LanguageConversion(tensors, recipe, codec)
    made.run()
    pieces = names(codec)
    config = json.dumps(settings(pieces[codec.end], pieces[0])).encode()
    vocabulary = json.dumps(pieces).encode()
    return {MODEL: packed(*LANGUAGE_MODEL, made.variables, made.aliases), CONFIG: config, "vocabulary.json": vocabulary}


def settings(end: str, unknown: str) -> dict[str, Any]:
    """What CTranslate2 wants to know beside the weights. `unknown` only has to be a token: nothing asks for it."""
    tokens = {"bos_token": end, "eos_token": end, "decoder_start_token": end, "unk_token": unknown}
    return {**tokens, "add_source_bos": False, "add_source_eos": False, "layer_norm_epsilon": EPSILON, "multi_query_attention": False}


def names(codec: Codec) -> list[str]:
    """What the tokens of a vocabulary are called, (V,): as they are spelled, but no two alike.

    >>> from seqcli.text.codec import Codec
    >>> names(Codec.of_pieces(["<unk>", "a", "</s>"], "word"))
    ['<unk>', 'a', '</s>', '</s>#3']
    """
    found: dict[str, int] = {}
    for number, piece in enumerate(codec.spelled):
        name = piece
        while name in found:
            name += f"#{number}"
        found[name] = number
    return list(found)


class Layers:
    """Takes tensors by our names and puts variables by theirs: what all Transformers have."""

    def __init__(self, tensors: Mapping[str, AnyArray], recipe: EncoderDecoder | Transformer) -> None:
        self.tensors, self.shape = tensors, recipe
        self.variables: dict[str, AnyArray] = {}
        self.aliases: dict[str, str] = {}
        self.size, self.inner = recipe.size, recipe.inner or 4 * recipe.size

    def stack(self, theirs: str, ours: str, layers: int, prenorm: bool = True, scaled: bool = False, cross: bool = False) -> None:
        """Layers one upon the other; those of a decoder may look at a source, too."""
        activation = self.shape.activation
        if activation not in ACTIVATIONS:
            raise Failure(f"activation={activation}: CTranslate2 has no such activation", hint="--engine torch")
        self.numbers(theirs, np.int16, num_heads=self.shape.heads)
        self.numbers(theirs, np.int8, pre_norm=prenorm, activation=ACTIVATIONS[activation], scale_embeddings=scaled)
        if prenorm:
            self.norm(f"{theirs}/layer_norm", f"{ours}.norm")
        for number in range(layers):
            self.layer(f"{theirs}/layer_{number}", f"{ours}.layers.{number}", cross)
        if theirs == "decoder":
            self.numbers(theirs, np.int8, start_from_zero_embedding=0, alibi=0, alibi_use_positive_positions=0, scale_alibi=0)
            self.numbers(theirs, np.int16, alignment_layer=-1, alignment_heads=1)

    def layer(self, theirs: str, ours: str, cross: bool) -> None:
        """One layer: attention to itself, with `cross` to the source, feed-forward."""
        size, attention = self.size, f"{theirs}/self_attention"
        self.norm(f"{attention}/layer_norm", f"{ours}.attention_norm")
        self.linear(f"{attention}/linear_0", f"{ours}.attention.inputs", 3 * size, size)
        self.linear(f"{attention}/linear_1", f"{ours}.attention.output", size, size)
        if self.shape.positions == "rotary":
            self.numbers(attention, np.int32, rotary_dim=size // self.shape.heads)
            self.numbers(attention, np.int8, rotary_interleave=0)
            self.numbers(attention, np.float32, rotary_base=BASE)
        if cross:
            self.norm(f"{theirs}/attention/layer_norm", f"{ours}.cross_norm")
            self.linear(f"{theirs}/attention/linear_0", f"{ours}.cross.inputs", 3 * size, size, slice(0, size))
            self.linear(f"{theirs}/attention/linear_1", f"{ours}.cross.inputs", 3 * size, size, slice(size, 3 * size))
            self.linear(f"{theirs}/attention/linear_2", f"{ours}.cross.output", size, size)
        self.feed_forward(f"{theirs}/ffn", ours)

    def feed_forward(self, theirs: str, ours: str) -> None:
        """Gated or not."""
        inner, gated = self.inner, self.shape.activation == "swiglu"
        self.norm(f"{theirs}/layer_norm", f"{ours}.feed_norm")
        if gated:
            self.linear(f"{theirs}/linear_0", f"{ours}.feed.inner", 2 * inner, self.size, slice(0, inner))
            self.linear(f"{theirs}/linear_0_noact", f"{ours}.feed.inner", 2 * inner, self.size, slice(inner, 2 * inner))
        else:
            self.linear(f"{theirs}/linear_0", f"{ours}.feed.inner", inner, self.size)
        self.linear(f"{theirs}/linear_1", f"{ours}.feed.output", self.size, inner)

    # Parts of all of these -----------------------------------------------------------------------------------------------

    def linear(self, theirs: str, ours: str, outputs: int, inputs: int, rows: slice = slice(None)) -> None:
        """A matrix (outputs, inputs) and its bias, or some rows of them."""
        self.matrix(theirs, ours, outputs, inputs, rows)
        self.variables[f"{theirs}/bias"] = self.floats(f"{ours}.bias", outputs)[rows]

    def matrix(self, theirs: str, ours: str, outputs: int, inputs: int, rows: slice = slice(None)) -> None:
        """A matrix (outputs, inputs), rounded or not, or some rows of it."""
        weight = folder.take(self.tensors, ours + WEIGHT, outputs, inputs)
        if weight.dtype != np.int8:
            self.variables[f"{theirs}/weight"] = self.floats(ours + WEIGHT, outputs, inputs)[rows]
            return
        scales = self.floats(ours + SCALES, outputs)[rows]
        self.variables[f"{theirs}/weight"] = weight[rows]
        self.variables[f"{theirs}/weight_scale"] = np.where(scales > 0, 1 / np.where(scales > 0, scales, 1), 1).astype(np.float32)

    def same(self, theirs: str, as_: str) -> None:
        """A matrix that is another one, too."""
        for each in ("weight", "weight_scale"):
            if f"{as_}/{each}" in self.variables:
                self.aliases[f"{theirs}/{each}"] = f"{as_}/{each}"

    def norm(self, theirs: str, ours: str) -> None:
        """A layer norm."""
        self.variables[f"{theirs}/gamma"] = self.floats(f"{ours}.weight", self.size)
        self.variables[f"{theirs}/beta"] = self.floats(f"{ours}.bias", self.size)

    def numbers(self, part: str, kind: type[np.generic], **values: float) -> None:
        """Settings of a part."""
        self.variables |= {f"{part}/{name}": np.array(value, kind) for name, value in values.items()}

    def floats(self, name: str, *shape: int | None) -> FloatArray:
        """A tensor that is not rounded."""
        found = folder.take(self.tensors, name, *shape)
        if not np.isfinite(found).all():
            raise Failure(f"{folder.WEIGHTS}: the tensor {name!r} has values that are not numbers", hint="train it again")
        return found.astype(np.float32, copy=False)


class Conversion(Layers):
    """Of a translator."""

    def __init__(self, tensors: Mapping[str, AnyArray], recipe: EncoderDecoder, codecs: Codecs) -> None:
        super().__init__(tensors, recipe)
        self.recipe, self.codecs = recipe, codecs

    def run(self) -> None:
        """All of the model."""
        recipe = self.recipe
        self.stack("encoder", "encoder", recipe.layers, recipe.prenorm, recipe.scaled)
        self.stack("decoder", "decoder", recipe.decoder_layers or recipe.layers, recipe.prenorm, recipe.scaled, cross=True)
        self.numbers("encoder", np.int8, embeddings_merge=0, multi_query_attention=0)
        if recipe.positions != "rotary":
            self.variables["encoder/position_encodings/encodings"] = self.positions()
            self.aliases["decoder/position_encodings/encodings"] = "encoder/position_encodings/encodings"
        self.embeddings()

    def embeddings(self) -> None:
        """Those of both sides, and the softmax."""
        sizes, recipe = (self.codecs.source.size, self.codecs.target.size), self.recipe
        self.matrix("decoder/embeddings", "target", sizes[1], self.size)
        if recipe.shared and recipe.tied:
            self.same("encoder/embeddings_0", "decoder/embeddings")
        else:
            self.matrix("encoder/embeddings_0", "source", sizes[0], self.size)
        if recipe.tied:
            self.same("decoder/projection", "decoder/embeddings")
        else:
            self.matrix("decoder/projection", "head.scores", sizes[1], self.size)
        self.variables["decoder/projection/bias"] = self.floats("head.scores.bias", sizes[1])

    def positions(self) -> FloatArray:
        """A row for each place, (places, D)."""
        if self.recipe.positions == "learned":
            return self.floats("positions.weight", self.recipe.longest + 1, self.size)
        return waves(max(ROOM, self.recipe.longest + 1), self.size, self.recipe.positions == "sinusoidal-halves")


class LanguageConversion(Layers):
    """Of a language model; the softmax has the weights of the embedding."""

    def __init__(self, tensors: Mapping[str, AnyArray], recipe: Transformer, codec: Codec) -> None:
        super().__init__(tensors, recipe)
        self.recipe, self.codec = recipe, codec

    def run(self) -> None:
        """All of the model."""
        self.stack("decoder", "stack", self.recipe.layers)
        if self.recipe.positions == "learned":
            places = self.floats("positions.weight", self.recipe.window, self.size)
            self.variables["decoder/position_encodings/encodings"] = places
        self.matrix("decoder/embeddings", "embedding", self.codec.size, self.size)
        self.same("decoder/projection", "decoder/embeddings")
        self.variables["decoder/projection/bias"] = self.floats("head.scores.bias", self.codec.size)


def waves(places: int, size: int, halves: bool = False) -> FloatArray:
    """As `seqcli.nn.positions.Sinusoidal`: sines and cosines in turn, or all sines first, (places, size).

    >>> (100 * waves(2, 4)).astype(int).tolist()
    [[0, 100, 0, 100], [84, 54, 0, 99]]
    """
    angles = np.arange(places)[:, None] * BASE ** (-2 * np.arange((size + 1) // 2) / size)
    both = np.stack([np.sin(angles), np.cos(angles)], 1 if halves else 2).reshape(
        places, -1
    )  # of an odd size, a cosine too many: the last
    return both[:, :size].astype(np.float32)
