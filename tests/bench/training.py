"""Training a small Transformer for translation: tokens a second of targets, against a bare torch loop and transformers' Seq2SeqTrainer.

The shape is d 256, feed-forward 1024, 3 + 3 layers, 4 heads, a vocabulary of 8,000 pieces tied three ways, dropout 0.1, labels smoothed
by 0.1; Multi30k en-de in batches of 4,096 tokens, padding included, in float32 on 2 threads. All are given the very same batches, and
Seq2SeqTrainer in a second run such as it makes itself: as many random pairs as have 4,096 tokens with their padding. Each runs in a
process of its own, in turn; speeds and peak memory are medians. The processor's time is told beside the clock's: it is what
can be compared where the machine has other work. Seq2SeqTrainer needs the package accelerate; without it, it is left out.

`python -m tests.bench training [STEPS] [RUNS]`
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqcli.data import pairs
from seqcli.models.neural.codecs import Codecs
from seqcli.models.neural.translation import Translator
from seqcli.models.transformer import Recipe
from seqcli.tasks.learning.translation import Corpus, Rows, Translation
from seqcli.text.codec import Codec
from seqcli.text.subword.open import open_tokenizer
from seqcli.training.loop import Trainer
from tests.bench.harness import DATA, table

WARM = 3  # steps before the clock
RATE, BETAS = 1e-3, (0.9, 0.98)
THEIRS, RANDOM = "Seq2SeqTrainer, MarianMT", "the same, random batches"
PAIRS = 96  # random ones, which with their padding have about 4,096 tokens a side


def main() -> None:
    """The table."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    steps, runs = (numbers + [20, 3][len(numbers) :])[:2]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in KINDS if name not in (THEIRS, RANDOM) or find_spec("accelerate")}
    for _ in range(runs):
        for name, costs in found.items():
            costs.append(in_process(name, steps))
    middle = {name: {key: median(run[key] for run in each) for key in each[0]} for name, each in found.items()}
    mine = middle["seq"]
    rows = [
        [
            name, f"{cost['speed']:,.0f}", f"{mine['speed'] / cost['speed']:.2f} ×",
            f"{1000 * cost['processor']:.3f} s", f"{cost['processor'] / mine['processor']:.2f} ×", f"{cost['megabytes']:,.0f} MB",
        ]
        for name, cost in middle.items()
    ]  # fmt: skip
    title = f"Training d 256, 3 + 3 layers, 8,000 pieces on Multi30k en-de, {steps} steps, 2 threads"
    table(title, ["", "target tokens/s", "seq is", "processor time, 1,000 tokens", "seq is", "memory"], rows)


def in_process(name: str, steps: int) -> dict[str, float]:
    """One run of one candidate."""
    code = f"from tests.bench import training; training.report({name!r}, {steps})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {found['speed']:,.0f} tokens/s", file=sys.stderr)
    return found


def report(name: str, steps: int) -> None:
    """Run one candidate and print what it cost."""
    torch.set_num_threads(2)
    torch.manual_seed(1)
    cost = KINDS[name](steps)
    print(json.dumps({**cost, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def data(steps: int) -> tuple[Translation, list[Rows]]:
    """The task, and its first batches."""
    codec = Codec.of_tokenizer(open_tokenizer("en-de-bpe"))
    names = [str(DATA / "multi30k" / f"train.{side}.gz") for side in ("en", "de")]
    recipe = Recipe(units="en-de-bpe", rate=RATE, schedule="constant", warmup=0, max_steps=WARM + steps, device="cpu", threads=2)
    translator = Translator(Codecs(codec, codec), recipe)
    task = Translation(translator, Corpus(translator, pairs.read(names[:1], names[1:])))
    return task, [batch for batch, _ in zip(task.batches(0), range(WARM + steps), strict=False)]


class Clock:
    """Batches one by one; the time from the first after the warm-up to the end."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches, self.start, self.used = batches, 0.0, 0.0

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self.batches):
            if number == WARM:
                self.start, self.used = time.perf_counter(), time.process_time()
            yield batch

    def cost(self, batches: list[Rows]) -> dict[str, float]:
        """Tokens a second, and the processor's seconds a token, of the batches up to now."""
        tokens = sum(batch.size for batch in batches[WARM:])
        return {"speed": tokens / (time.perf_counter() - self.start), "processor": (time.process_time() - self.used) / tokens}


# Ours ----------------------------------------------------------------------------------------------------------------


def ours(steps: int) -> dict[str, float]:
    """The trainer as `seq train` calls it."""
    task, batches = data(steps)
    clock = Clock(batches)
    task.batches = lambda _: iter(clock)  # type: ignore[method-assign,assignment]
    Trainer(task, task.recipe, quiet=True).run()
    return clock.cost(batches)


# A bare loop ---------------------------------------------------------------------------------------------------------


class Attention(nn.Module):
    """torch's kernel between two products."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.out = nn.Linear(size, size), nn.Linear(size, 2 * size), nn.Linear(size, size)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        parts = (self.query(x), *self.key_value(memory).chunk(2, -1))
        queries, keys, values = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in parts)
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
        return cast(Tensor, self.out(found.transpose(1, 2).flatten(2)))


class Block(nn.Module):
    """A pre-norm layer."""

    def __init__(self, size: int, heads: int, inner: int, cross: bool) -> None:
        super().__init__()
        self.attention, self.cross = Attention(size, heads), Attention(size, heads) if cross else None
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(2 + cross))
        self.feed = nn.Sequential(nn.Linear(size, inner), nn.ReLU(), nn.Linear(inner, size))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor, mask: Tensor | None, memory: Tensor | None = None) -> Tensor:
        y = self.norms[0](x)
        x = x + self.dropout(self.attention(y, y, None if self.cross else mask, causal=self.cross is not None))
        if self.cross is not None:
            x = x + self.dropout(self.cross(self.norms[2](x), memory, mask))
        return cast(Tensor, x + self.dropout(self.feed(self.norms[1](x))))


class Bare(nn.Module):
    """The same model, written down."""

    def __init__(self, tokens: int, size: int = 256, heads: int = 4, layers: int = 3, inner: int = 1024) -> None:
        super().__init__()
        self.embedding, self.dropout, self.scale = nn.Embedding(tokens, size), nn.Dropout(0.1), math.sqrt(size)
        nn.init.normal_(self.embedding.weight, std=size**-0.5)
        self.encoder = nn.ModuleList(Block(size, heads, inner, False) for _ in range(layers))
        self.decoder = nn.ModuleList(Block(size, heads, inner, True) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(2))
        self.bias = nn.Parameter(torch.zeros(tokens))
        angles = torch.arange(512)[:, None] * 10000 ** (-torch.arange(0, size, 2) / size)
        self.waves = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)

    def embedded(self, ids: Tensor) -> Tensor:
        return cast(Tensor, self.dropout(self.embedding(ids) * self.scale + self.waves[: ids.shape[1]]))

    def forward(self, source: Tensor, lengths: Tensor, before: Tensor, after: Tensor) -> Tensor:
        mask = (torch.arange(source.shape[1]) < lengths[:, None])[:, None, None]
        x, y = self.embedded(source), self.embedded(before)
        for layer in self.encoder:
            x = layer(x, mask)
        x = self.norms[0](x)
        for layer in self.decoder:
            y = layer(y, mask, x)
        there = after >= 0
        logits = functional.linear(self.norms[1](y)[there], self.embedding.weight, self.bias)
        return functional.cross_entropy(logits, after[there], label_smoothing=0.1)


def bare(steps: int) -> dict[str, float]:
    """As few lines as do the same."""
    task, batches = data(steps)
    model = Bare(task.translator.size)
    optimiser = torch.optim.AdamW(model.parameters(), RATE, BETAS, weight_decay=0.0, fused=True)
    clock = Clock(batches)
    for batch in clock:
        loss = model(*(torch.from_numpy(each) for each in (batch.source, batch.lengths, batch.before, batch.after)))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return clock.cost(batches)


# transformers' trainer -----------------------------------------------------------------------------------------------


def theirs(steps: int, random: bool = False) -> dict[str, float]:
    """Seq2SeqTrainer and a MarianMT of the same shape."""
    import tempfile

    from transformers import MarianConfig, MarianMTModel, Seq2SeqTrainer, Seq2SeqTrainingArguments

    task, batches = data(steps)
    if random:
        order = np.random.default_rng(1).permutation(len(task.train))
        batches = [task.train.rows(some) for some in np.split(order, range(PAIRS, len(order), PAIRS))[: WARM + steps]]
    size, end = task.translator.size, task.translator.end
    config = MarianConfig(
        vocab_size=size, d_model=256, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4,
        encoder_ffn_dim=1024, decoder_ffn_dim=1024, dropout=0.1, activation_function="relu", scale_embedding=True,
        pad_token_id=end, eos_token_id=end, decoder_start_token_id=end, max_position_embeddings=512, use_cache=False,
    )  # fmt: skip
    clock = Clock([as_dictionary(batch) for batch in batches])

    class Fed(Seq2SeqTrainer):
        """With batches that are ready."""

        def get_train_dataloader(self) -> Any:
            return clock

    with tempfile.TemporaryDirectory() as folder:
        arguments = Seq2SeqTrainingArguments(
            folder, max_steps=WARM + steps, learning_rate=RATE, adam_beta2=BETAS[1], lr_scheduler_type="constant", max_grad_norm=1.0,
            label_smoothing_factor=0.1, optim="adamw_torch_fused", report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True, use_cpu=True,
        )  # fmt: skip
        Fed(MarianMTModel(config), arguments, train_dataset=[{}] * len(batches)).train()
    return clock.cost(batches)


def as_dictionary(batch: Rows) -> dict[str, Tensor]:
    """A batch as transformers wants it."""
    source, lengths, before, after = (torch.from_numpy(each) for each in (batch.source, batch.lengths, batch.before, batch.after))
    mask = (torch.arange(source.shape[1]) < lengths[:, None]).long()
    return {"input_ids": source, "attention_mask": mask, "decoder_input_ids": before, "labels": after.masked_fill(after < 0, -100)}


KINDS: dict[str, Callable[[int], dict[str, float]]] = {
    "seq": ours,
    "a bare torch loop": bare,
    THEIRS: theirs,
    RANDOM: partial(theirs, random=True),
}


if __name__ == "__main__":
    main()
