"""Generation by a small GPT on the CPU against transformers' `generate`: the same weights, the same tokens, greedy."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from seqcli.decode.sampling import greedy
from seqcli.decode.settings import Settings
from seqcli.models import gpt
from seqcli.models.neural.language import GPTNetwork, NeuralLanguageModel
from seqcli.text.codec import Codec
from tests.bench.harness import table

TOKENS, PROMPT, NEW = 8000, 16, 96
SHAPE = {"size": 256, "heads": 4, "layers": 4, "window": 256}


def main() -> None:
    """Batches of 1 and 32, on one thread and on two."""
    ours, theirs = models()
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows += [compared(ours, theirs, batch, threads) for batch in (1, 32)]
    table(
        f"A GPT of 4 layers, d 256, {TOKENS:,} tokens: {NEW} new tokens after {PROMPT}, tokens/s",
        ["threads", "batch", "seq", "transformers", "ratio"],
        rows,
    )


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
        network.head.scores.bias[codec.end] = -torch.inf  # theirs has no end either: every text is as long
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


def compared(ours: NeuralLanguageModel, theirs: torch.nn.Module, batch: int, threads: int) -> list[str]:
    """Medians of turns."""
    prompts = torch.randint(1, TOKENS - 1, (batch, PROMPT))
    mask = torch.ones_like(prompts)

    def by_us() -> list[list[int]]:
        settings = Settings(max_length=NEW)
        return [found[0].tokens for found in greedy(ours, [row[0:].tolist() for row in prompts], settings)]

    def by_them() -> list[list[int]]:
        begun = torch.cat([torch.full((batch, 1), ours.end), prompts], 1)
        begun_mask = torch.cat([mask[:, :1], mask], 1)
        with torch.inference_mode():
            found = theirs.generate(begun, attention_mask=begun_mask, max_new_tokens=NEW, do_sample=False, pad_token_id=ours.end)  # type: ignore[operator]
        return [row[PROMPT + 1 :].tolist() for row in found]

    assert by_us() == by_them(), "not the same tokens"
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        for place, run in enumerate((by_us, by_them)):
            times[place].append(timed(run))
    mine, others = (batch * NEW / median(each) for each in times)
    return [str(threads), str(batch), f"{mine:,.0f}", f"{others:,.0f}", f"{mine / others:.2f} ×"]


def timed(run: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
