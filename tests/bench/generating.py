"""Generation by a small GPT on the CPU against transformers' `generate`: the same weights, the same tokens, greedy.

    TURNS=5 python -m tests.bench generating

The engine's threads have a part of the batch each, as in `seq beam -j`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from seqcli.decode.generate import Plan
from seqcli.decode.sampling import greedy
from seqcli.decode.settings import Settings
from seqcli.engines.language import LanguageEngine
from seqcli.models import gpt
from seqcli.models.neural.language import GPTNetwork, NeuralLanguageModel
from seqcli.text.codec import Codec
from tests.bench.harness import functions, table
from tests.engines.models import as_folder

TOKENS, PROMPT, NEW = 8000, 16, 96
SHAPE = {"size": 256, "heads": 4, "layers": 4, "window": 256}
NEVER = -1e4  # the bias of what is not to be written
TURNS = int(os.environ.get("TURNS", "5"))


def main() -> None:
    """Batches of 1 and 32, on one thread and on two."""
    table(
        f"A GPT of 4 layers, d 256, {TOKENS:,} tokens, float32, in memory: {NEW} new tokens after {PROMPT}, greedy, tokens/s",
        ["threads", "batch", "seq (ctranslate2)", "seq (torch)", "transformers", "ratio, ctranslate2", "ratio, torch"],
        rows(),
    )


def rows() -> Iterator[list[str]]:
    """A row a number of threads and a batch."""
    ours, theirs = models()
    for threads in (1, 2):
        engine = LanguageEngine.load(as_folder(ours), workers=threads)
        for batch in (1, 32):
            yield compared(ours, engine, theirs, batch, threads)


def models() -> tuple[NeuralLanguageModel, torch.nn.Module]:
    """The same random weights in both."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    codec = Codec.of_pieces(["<unk>", *(f"w{number}" for number in range(TOKENS - 2))], "word")
    ours = NeuralLanguageModel(codec, gpt.Recipe(**SHAPE, positions="learned", activation="gelu-tanh"))  # type: ignore[arg-type]
    config = GPT2Config(
        vocab_size=TOKENS, n_positions=SHAPE["window"], n_embd=SHAPE["size"], n_layer=SHAPE["layers"], n_head=SHAPE["heads"],
        bos_token_id=codec.end, eos_token_id=None,
    )  # fmt: skip
    theirs = GPT2LMHeadModel(config).eval()
    network = ours.network
    assert isinstance(network, GPTNetwork)
    assert network.positions is not None
    network.eval()
    with torch.no_grad():
        network.head.scores.bias[codec.end] = NEVER  # theirs has no end either: every text is as long
        copy(theirs.transformer, network)
    return ours, theirs


def copy(theirs: torch.nn.Module, network: GPTNetwork) -> None:
    """Their weights into our layers: theirs are stored transposed."""
    found = dict(theirs.named_parameters())
    assert network.positions is not None
    network.embedding.weight.copy_(found["wte.weight"])
    network.positions.weight.copy_(found["wpe.weight"])
    names = {
        "attention_norm": "ln_1", "attention.inputs": "attn.c_attn", "attention.output": "attn.c_proj",
        "feed_norm": "ln_2", "feed.inner": "mlp.c_fc", "feed.output": "mlp.c_proj",
    }  # fmt: skip
    own = dict(network.stack.named_parameters())
    for number in range(len(network.stack.layers)):
        for our, their in names.items():
            for part in ("weight", "bias"):
                source = found[f"h.{number}.{their}.{part}"]
                target = own[f"layers.{number}.{our}.{part}"]
                target.copy_(source.T if source.dim() == 2 and "ln" not in their else source)
    own["norm.weight"].copy_(found["ln_f.weight"])
    own["norm.bias"].copy_(found["ln_f.bias"])


def compared(ours: NeuralLanguageModel, engine: LanguageEngine, theirs: Any, batch: int, threads: int) -> list[str]:
    """Medians of turns, after a look whether all write the same."""
    torch.set_num_threads(threads)
    prompts = torch.randint(1, TOKENS - 1, (batch, PROMPT))
    ids, settings = prompts.tolist(), Settings(max_length=NEW)
    begun = torch.cat([torch.full((batch, 1), ours.end), prompts], 1)

    def by_them() -> list[list[int]]:
        with torch.inference_mode():
            found = theirs.generate(
                begun, attention_mask=torch.ones_like(begun), max_new_tokens=NEW, do_sample=False, pad_token_id=ours.end
            )  # fmt: skip
        return [row[PROMPT + 1 :] for row in found.tolist()]

    ways: dict[str, Any] = {
        "ctranslate2": partial(engine.search, ids, [NEW] * batch, Plan("greedy", settings)),
        "torch": partial(greedy, ours, ids, settings),
    }
    right = by_them()
    for name, way in ways.items():
        assert [found.tokens for (found,) in way()] == right, f"{name}: not the same tokens"
    cost = functions(TURNS, {**ways, "transformers": by_them})
    speed = {name: batch * NEW / each.seconds for name, each in cost.items()}
    ratios = [f"{speed[name] / speed['transformers']:.2f} ×" for name in ways]
    return [str(threads), str(batch), *(f"{each:,.0f}" for each in speed.values()), *ratios]


if __name__ == "__main__":
    main()
