"""Minimum Bayes risk of 64 candidates, each a reference of all, against mbrs (or, without it, sacreBLEU pair by pair, which it calls);
and how much of a beam search's time is the model's."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Sequence
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the verb does

import torch

from seqcli.decode.beam import BeamSearch
from seqcli.decode.mbr import expected
from seqcli.decode.settings import Settings
from tests.bench.harness import functions, table
from tests.decode.test_mbr import noisy

COUNT, WORDS, SENTENCES = 64, 25, 4


def peer(utility: str) -> tuple[str, Callable[[Sequence[str]], int]]:
    """The library that there is, and its choice of candidates."""
    try:
        decoders, metrics = (importlib.import_module(f"mbrs.{part}") for part in ("decoders", "metrics"))
    except ImportError:
        return "sacreBLEU", by_pairs(utility)
    kind = metrics.MetricBLEU if utility == "bleu" else metrics.MetricChrF
    decoder = decoders.DecoderMBR(decoders.DecoderMBR.Config(), kind(kind.Config()))
    return "mbrs", lambda texts: int(decoder.decode(list(texts), list(texts)).idx[0])


def by_pairs(utility: str) -> Callable[[Sequence[str]], int]:
    """A choice by sacreBLEU's scores of all pairs."""
    from sacrebleu.metrics import BLEU, CHRF

    metric = BLEU(effective_order=True) if utility == "bleu" else CHRF()

    def choose(texts: Sequence[str]) -> int:
        means = [sum(metric.sentence_score(a, [b]).score for b in texts) / len(texts) for a in texts]
        return means.index(max(means))

    return choose


def ours(utility: str, texts: Sequence[str]) -> int:
    """Our choice of candidates."""
    return int(expected(texts, texts, utility).argmax())


def choices(sentences: Sequence[Sequence[str]], choose: Callable[[Sequence[str]], int]) -> list[int]:
    """The choice for each sentence."""
    return [choose(texts) for texts in sentences]


class Model:
    """A small Transformer's worth of work: three products a step, and a cache to be reordered."""

    size, end = 8000, 0

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.embedding = torch.randn(self.size, 256, generator=generator)
        self.layers = [torch.randn(256, 1024, generator=generator) / 16 for _ in range(12)]
        self.head = torch.randn(256, self.size, generator=generator) / 4
        self.seconds = 0.0

    def start(self, batch: Sequence[Sequence[int]]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Prompts of one token."""
        return torch.tensor([prompt[-1] for prompt in batch]), [torch.zeros(len(batch), 4, 64, 64) for _ in range(12)]

    def step(self, last: torch.Tensor, state: list[torch.Tensor]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Some products, timed."""
        start = time.perf_counter()
        x = self.embedding[last]
        for layer in self.layers:
            x = x + torch.tanh(x @ layer) @ layer.T / 32
        found = (x @ self.head).log_softmax(1)
        self.seconds += time.perf_counter() - start
        return found, state


def main() -> None:
    """Both tables."""
    rows = []
    for utility in ("bleu", "chrf"):
        name, theirs = peer(utility)
        texts = [noisy(COUNT, seed, WORDS) for seed in range(SENTENCES)]
        same = sum(ours(utility, each) == theirs(each) for each in texts)
        cost = functions(3, {"seq": partial(choices, texts, partial(ours, utility)), "peer": partial(choices, texts, theirs)})
        mine, other = (cost[who].seconds / SENTENCES for who in ("seq", "peer"))
        rows.append(
            [utility, f"{mine * 1e3:.1f} ms", f"{other * 1e3:.0f} ms ({name})", f"{other / mine:.0f} ×", f"{same} of {SENTENCES}"]
        )
    table(f"MBR, {COUNT} × {COUNT}, {WORDS} words, a sentence", ["", "seq", "peer", "ratio", "same choice"], rows)
    model, shares = Model(), []
    for beam, sentences in ((5, 32), (5, 1), (1, 32)):
        search = BeamSearch(model, Settings(beam=beam, max_length=40, min_length=35))
        search.run([[1]])
        model.seconds, start = 0.0, time.perf_counter()
        search.run([[i + 1] for i in range(sentences)])
        whole = time.perf_counter() - start
        shares.append([f"beam {beam}, {sentences} sentences", f"{whole:.2f} s", f"{100 * model.seconds / whole:.0f} %"])
    table("Beam search, 8,000 tokens, 12 layers of 256", ["", "time", "of it the model's"], shares)
