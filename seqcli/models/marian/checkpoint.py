"""What a Hugging Face folder of a Marian model says, in our words: its hyper-parameters, how it writes, its weights by our names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from seqcli.data.examples import AnyArray
from seqcli.data.folder import CONFIG, Folder, take
from seqcli.errors import Failure
from seqcli.models.marian.codec import MARIAN

GENERATION = "generation_config.json"
ACTIVATIONS = {"swish": "silu", "silu": "silu", "gelu": "gelu", "relu": "relu", "gelu_new": "gelu-tanh"}
KINDS = {"int": "a whole number", "bool": "true or false", "str": "a name"}
STOP = {False: "current", True: "full", "never": "exact"}  # early_stopping
NAMES = {  # a layer's parts
    "attention_norm": "self_attn_layer_norm", "cross_norm": "encoder_attn_layer_norm", "feed_norm": "final_layer_norm",
    "feed.inner": "fc1", "feed.output": "fc2",
}  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Of config.json what counts; by default as Marian's are."""

    vocab_size: int
    decoder_vocab_size: int = 0  # 0: the same
    max_position_embeddings: int = 1024
    d_model: int = 1024
    encoder_layers: int = 12
    decoder_layers: int = 12
    encoder_attention_heads: int = 16
    decoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_ffn_dim: int = 4096
    activation_function: str = "gelu"
    scale_embedding: bool = False
    share_encoder_decoder_embeddings: bool = True
    tie_word_embeddings: bool = True
    eos_token_id: int = 0
    pad_token_id: int = 58100
    decoder_start_token_id: int = 58100

    @classmethod
    def of(cls, found: Folder) -> Config:
        """From a folder as read.

        Raises:
            Failure: something is not there, not of its kind, or not what our Transformer can be.
        """
        said = found.parameters["others"]
        chosen = {each.name: said[each.name] for each in fields(cls) if said.get(each.name) is not None}
        kinds = {each.name: str(each.type) for each in fields(cls)}
        for name, value in chosen.items():
            if type(value).__name__ != kinds[name]:
                raise Failure(f"{CONFIG}: {name} is {value!r}, expected {KINDS[kinds[name]]}")
        if "vocab_size" not in chosen:
            raise Failure(f"{CONFIG} lacks vocab_size")
        return cls(**chosen).check()

    def check(self) -> Config:
        """Raises Failure: what our Transformer cannot be."""
        for one, other in (("encoder_attention_heads", "decoder_attention_heads"), ("encoder_ffn_dim", "decoder_ffn_dim")):
            if getattr(self, one) != getattr(self, other):
                raise Failure(f"{CONFIG}: {one} is {getattr(self, one)}, {other} {getattr(self, other)}: only equal ones run here")
        if self.activation_function not in ACTIVATIONS:
            said = f"activation_function is {self.activation_function!r}"
            raise Failure(f"{CONFIG}: {said}, which does not run here", hint=f"known: {', '.join(ACTIVATIONS)}")
        for name in ("eos_token_id", "pad_token_id", "decoder_start_token_id"):
            if not 0 <= getattr(self, name) < self.target_size:
                raise Failure(f"{CONFIG}: {name} is {getattr(self, name)}, the targets' ids go from 0 to {self.target_size - 1}")
        for name in ("vocab_size", "max_position_embeddings", "d_model", "encoder_layers", "decoder_layers", "encoder_ffn_dim"):
            if getattr(self, name) < 1:
                raise Failure(f"{CONFIG}: {name} is {getattr(self, name)}, expected a number from 1")
        return self

    @property
    def target_size(self) -> int:
        """V of the targets."""
        return self.vocab_size if self.share_encoder_decoder_embeddings else self.decoder_vocab_size or self.vocab_size

    def recipe(self) -> dict[str, Any]:
        """The fields of `EncoderDecoder`; `longest` leaves room for the end."""
        return {
            "units": MARIAN,
            "shared": self.share_encoder_decoder_embeddings,
            "tied": self.tie_word_embeddings,
            "longest": self.max_position_embeddings - 1,
            "size": self.d_model,
            "heads": self.encoder_attention_heads,
            "layers": self.encoder_layers,
            "decoder_layers": self.decoder_layers,
            "inner": self.encoder_ffn_dim,
            "activation": ACTIVATIONS[self.activation_function],
            "positions": "sinusoidal-halves",
            "scaled": self.scale_embedding,
            "prenorm": False,
        }


@dataclass(frozen=True)
class Writing:
    """How a model of others begins a target, and what it is kept from."""

    start: int  # stands before every target
    never: tuple[int, ...] = ()  # tokens that are not written
    renormalized: bool = False  # the probabilities of the others then sum to 1
    places: int = 0  # tokens of a target with what stands before it; the end is forced upon the last; 0: it is not forced
    beam: int = 0  # how it wants to be searched; 0: as others are
    alpha: float = 1.0
    stop: str = "current"
    max_length: int = 0

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings of search that it comes with; see `seqcli.decode.settings.Settings`."""
        wanted = {"beam": self.beam, "max_length": self.max_length}
        return {"alpha": self.alpha, "stop": self.stop, **{name: value for name, value in wanted.items() if value}}

    @classmethod
    def of(cls, found: Folder, config: Config) -> Writing:
        """From generation_config.json; in older folders, which have none, config.json says the same.

        Raises:
            Failure: it is not JSON; words that must not be written and have several tokens.
        """
        said = generation(found) if (found.path / GENERATION).is_file() else found.parameters["others"]
        said = {name: value for name, value in said.items() if value is not None}
        words = said.get("bad_words_ids", [])
        if any(len(word) != 1 for word in words):
            raise Failure(f"{GENERATION}: bad_words_ids has words of several tokens, which are not kept out here", hint="remove them")
        if said.get("early_stopping", False) not in STOP:
            raise Failure(f"early_stopping is {said['early_stopping']!r}, expected true, false or never")
        longest = min(said.get("max_length", config.max_position_embeddings), config.max_position_embeddings)
        return cls(
            start=config.decoder_start_token_id,
            never=tuple(word[0] for word in words),
            renormalized=said.get("renormalize_logits", False),
            places=longest if said.get("forced_eos_token_id") == config.eos_token_id else 0,
            beam=said.get("num_beams", 0),
            alpha=float(said.get("length_penalty", 1.0)),
            stop=STOP[said.get("early_stopping", False)],
            max_length=longest - 1,
        )

    def config(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def generation(found: Folder) -> dict[str, Any]:
    """Of generation_config.json what is said.

    Raises:
        Failure: it is not a JSON object.
    """
    try:
        said = json.loads(found.text(GENERATION))
    except (ValueError, RecursionError) as error:
        raise Failure(f"{GENERATION} is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Failure(f"{GENERATION} is not a JSON object")
    return said


def renamed(tensors: Mapping[str, AnyArray], config: Config) -> dict[str, AnyArray]:
    """The weights by the names of `TransformerNetwork`, as float32.

    Raises:
        Failure: one is not there, or of another shape than the configuration says.
    """
    D, source, target = config.d_model, config.vocab_size, config.target_size
    tied, shared = config.tie_word_embeddings, config.share_encoder_decoder_embeddings
    first = "model.shared" if shared and tied else "model.decoder.embed_tokens"
    found = {"target.weight": take(tensors, f"{first}.weight", target, D)}
    if not (shared and tied):
        found["source.weight"] = take(tensors, "model.encoder.embed_tokens.weight", source, D)
    if not tied:
        found["head.scores.weight"] = take(tensors, "lm_head.weight", target, D)
    bias = take(tensors, "final_logits_bias", 1, target)[0] if "final_logits_bias" in tensors else np.zeros(target)
    found["head.scores.bias"] = bias
    for side, layers in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        for number in range(layers):
            theirs, ours = f"model.{side}.layers.{number}", f"{side}.layers.{number}"
            for name, weight in layer(tensors, theirs, D, config.encoder_ffn_dim, side == "decoder").items():
                found[f"{ours}.{name}"] = weight
    return {name: np.ascontiguousarray(weight, dtype=np.float32) for name, weight in found.items()}


def layer(tensors: Mapping[str, AnyArray], prefix: str, D: int, inner: int, cross: bool) -> dict[str, AnyArray]:
    """The weights of one layer: queries, keys and values one below the other."""
    found: dict[str, AnyArray] = {}
    for ours, theirs in (("attention", "self_attn"), *([("cross", "encoder_attn")] if cross else [])):
        for kind, shape in (("weight", (D, D)), ("bias", (D,))):
            parts = [take(tensors, f"{prefix}.{theirs}.{each}_proj.{kind}", *shape) for each in "qkv"]
            found[f"{ours}.inputs.{kind}"] = np.concatenate(parts)
            found[f"{ours}.output.{kind}"] = take(tensors, f"{prefix}.{theirs}.out_proj.{kind}", *shape)
    shapes: dict[str, tuple[int, ...]] = {
        "feed.inner.weight": (inner, D),
        "feed.inner.bias": (inner,),
        "feed.output.weight": (D, inner),
    }
    for ours, theirs in NAMES.items():
        if cross or ours != "cross_norm":
            for kind in ("weight", "bias"):
                name = f"{ours}.{kind}"
                found[name] = take(tensors, f"{prefix}.{theirs}.{kind}", *shapes.get(name, (D,)))
    return found
