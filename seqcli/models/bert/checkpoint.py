"""What a Hugging Face folder of a BERT model says, in our words: the shape of its encoder, and its weights by our names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.data.folder import CONFIG, Folder, take
from seqcli.errors import Failure

ACTIVATIONS = {
    "gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "gelu_new": "gelu-tanh",
    "gelu_pytorch_tanh": "gelu-tanh",
}
OURS = {  # fields of the shape by their names
    "vocab_size": "pieces", "hidden_size": "size", "num_attention_heads": "heads", "num_hidden_layers": "layers",
    "intermediate_size": "inner", "max_position_embeddings": "places", "type_vocab_size": "kinds", "layer_norm_eps": "epsilon",
    "hidden_act": "activation",
}  # fmt: skip
LAYER = {  # parts of a layer, ours and theirs
    "attention.output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed.inner": "intermediate.dense",
    "feed.output": "output.dense",
    "feed_norm": "output.LayerNorm",
}
INPUTS = tuple(f"attention.self.{name}" for name in ("query", "key", "value"))
EMBEDDINGS = {"words": "word_embeddings", "places": "position_embeddings", "kinds": "token_type_embeddings"}
LEAST = {"places": 2}  # a row has a beginning and an end
OLD = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}  # as TensorFlow calls them


@dataclass(frozen=True)
class Shape:
    """What an encoder looks like; by default as BERT-base."""

    pieces: int = 30522  # V
    size: int = 768  # D
    heads: int = 12
    layers: int = 12
    inner: int = 3072
    places: int = 512
    kinds: int = 2  # of sentences: the first, the second
    epsilon: float = 1e-12
    activation: str = "gelu"

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Shape:
        """From a config.json of theirs.

        Raises:
            Failure: a number that is none, or cannot be; something that does not run here.
        """
        if (said.get("position_embedding_type") or "absolute") != "absolute":
            raise Failure(f"{CONFIG}: position_embedding_type is {said['position_embedding_type']!r}: only absolute ones run here")
        if said.get("is_decoder"):
            raise Failure(f"{CONFIG}: is_decoder is {said['is_decoder']!r}: only encoders run here, which look both ways")
        chosen = {ours: said[theirs] for theirs, ours in OURS.items() if said.get(theirs) is not None}
        known = chosen.get("activation", "gelu")
        if not isinstance(known, str) or known not in ACTIVATIONS:
            raise Failure(f"{CONFIG}: hidden_act is {known!r}, which does not run here", hint=f"known: {', '.join(ACTIVATIONS)}")
        return cls.read({**chosen, "activation": ACTIVATIONS[known]}, {ours: theirs for theirs, ours in OURS.items()})

    @classmethod
    def read(cls, said: Any, names: Mapping[str, str] | None = None) -> Shape:
        """From a mapping of the fields, which an error calls by their `names`.

        Raises:
            Failure: it is no such mapping; a number that is none, or cannot be.
        """
        kinds = {each.name: (int, float) if each.type == "float" else (int,) for each in fields(cls) if each.type != "str"}
        if not isinstance(said, dict) or not said.keys() <= {*kinds, "activation"}:
            raise Failure(f"{CONFIG}: the encoder's shape is {said!r}, expected {', '.join((*kinds, 'activation'))}")
        for name, value in said.items():
            if name in kinds and (type(value) not in kinds[name] or not LEAST.get(name, 0) < value < math.inf):
                least = LEAST.get(name, 0)
                raise Failure(f"{CONFIG}: {(names or {}).get(name, name)} is {value!r}, expected a number above {least}")
        found = cls(**said)
        if found.activation not in ACTIVATIONS.values():
            raise Failure(
                f"{CONFIG}: activation is {found.activation!r}", hint=f"known: {', '.join(dict.fromkeys(ACTIVATIONS.values()))}"
            )
        if found.size % found.heads:
            raise Failure(f"{CONFIG}: hidden_size is {found.size}, which {found.heads} heads do not divide")
        return found


def renamed(tensors: Mapping[str, AnyArray], shape: Shape) -> dict[str, AnyArray]:
    """The encoder's weights by the names of `seqcli.models.neural.bert.Encoder`, as float32; heads are left out.

    Raises:
        Failure: one is not there, or of another shape than the configuration says.
    """
    prefix = "" if "embeddings.word_embeddings.weight" in tensors else "bert."
    D, inner = shape.size, shape.inner

    def weight(name: str, *size: int) -> AnyArray:
        old = next((name.replace(new, other) for new, other in OLD.items() if name.endswith(new)), name)
        return take(tensors, prefix + (old if prefix + old in tensors else name), *size)

    found: dict[str, AnyArray] = {}
    for (ours, theirs), rows in zip(EMBEDDINGS.items(), (shape.pieces, shape.places, shape.kinds), strict=True):
        found[f"{ours}.weight"] = weight(f"embeddings.{theirs}.weight", rows, D)
    for kind in ("weight", "bias"):
        found[f"norm.{kind}"] = weight(f"embeddings.LayerNorm.{kind}", D)
    wide: dict[str, tuple[int, ...]] = {
        "attention.output.weight": (D, D),
        "feed.inner.weight": (inner, D),
        "feed.inner.bias": (inner,),
        "feed.output.weight": (D, inner),
    }
    for number in range(shape.layers):
        for kind, size in (("weight", (D, D)), ("bias", (D,))):
            parts = [weight(f"encoder.layer.{number}.{each}.{kind}", *size) for each in INPUTS]
            found[f"stack.layers.{number}.attention.inputs.{kind}"] = np.concatenate(parts)
            for ours, theirs in LAYER.items():
                name = f"{ours}.{kind}"
                found[f"stack.layers.{number}.{name}"] = weight(f"encoder.layer.{number}.{theirs}.{kind}", *wide.get(name, (D,)))
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in found.items()}


def begun(found: Folder) -> tuple[Shape, dict[str, AnyArray]]:
    """The encoder in a folder, theirs or one of ours.

    Raises:
        Failure: it holds none, or the tensors do not fit the configuration.
    """
    if found.config["model"] == "bert" and "others" in found.parameters:
        shape = Shape.of(found.parameters["others"])
        return shape, renamed(found.tensors, shape)
    if not isinstance(found.parameters, dict) or "encoder" not in found.parameters:
        raise Failure(f"{found.path} holds no encoder of BERT's kind, but {found.config['model']}")
    prefix = "encoder."
    tensors = {name.removeprefix(prefix): tensor for name, tensor in found.tensors.items() if name.startswith(prefix)}
    return Shape.read(found.parameters["encoder"]), tensors
