"""The chain against pytorch-crf: batch 64 × 64, 17 tags, results equal."""

from __future__ import annotations

from itertools import chain

import numpy as np
import torch
from torchcrf import CRF

from seqcli.nn.chain import Chain
from seqcli.nn.crf import log_likelihood
from seqcli.nn.paths import viterbi
from tests.bench.harness import functions, table


def main() -> None:
    """Forward and backward, and Viterbi."""
    batch, length, tags = 64, 64, 17
    torch.manual_seed(0)
    emission = torch.randn(batch, length, tags)
    gold = torch.randint(tags, (batch, length))
    peer = CRF(tags, batch_first=True)
    lengths = np.full(batch, length)
    mine = [p.detach().clone().requires_grad_() for p in (peer.transitions, peer.start_transitions, peer.end_transitions)]
    scores = {name: emission.clone().requires_grad_() for name in ("peer", "seq")}

    def their_gradient() -> torch.Tensor:
        peer.zero_grad()
        scores["peer"].grad = None
        loss = -peer(scores["peer"], gold, reduction="sum")
        loss.backward()
        found: torch.Tensor = loss.detach()
        return found

    def our_gradient() -> torch.Tensor:
        for parameter in (*mine, scores["seq"]):
            parameter.grad = None
        loss = -log_likelihood(scores["seq"].view(-1, tags), lengths, gold.view(-1), *mine).sum()
        loss.backward()
        found: torch.Tensor = loss.detach()
        return found

    def our_viterbi() -> np.ndarray:
        transition, initial, final = (parameter.detach().numpy() for parameter in mine)
        return viterbi(Chain(emission.view(-1, tags).numpy(), lengths, transition, initial, final)).tags

    torch.testing.assert_close(our_gradient(), their_gradient(), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(scores["seq"].grad, scores["peer"].grad, rtol=1e-4, atol=1e-4)
    assert our_viterbi().tolist() == list(chain.from_iterable(peer.decode(emission)))
    rows = []
    for name, ours, theirs in (
        ("forward + backward", our_gradient, their_gradient),
        ("Viterbi", our_viterbi, lambda: peer.decode(emission)),
    ):
        cost = functions(15, {"seq": ours, "peer": theirs})
        seq, other = cost["seq"].seconds, cost["peer"].seconds
        rows.append([name, f"{seq * 1e3:.1f} ms", f"{other * 1e3:.1f} ms", f"{seq / other:.2f} ×"])
    table("`nn/chain`, batch 64 × 64, 17 tags", ["", "seq", "pytorch-crf", "ratio"], rows)
