"""The CRF's likelihood, gradient and best path against pytorch-crf."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchcrf import CRF

from seqcli.nn.chain import Chain
from seqcli.nn.crf import log_likelihood
from seqcli.nn.paths import viterbi


@pytest.mark.parametrize("lengths", [[7, 7, 7], [9, 1, 4, 9, 2]])
def test_likelihood_gradient_and_viterbi(lengths):
    torch.manual_seed(3)
    tags, longest = 5, max(lengths)
    peer = CRF(tags, batch_first=True)
    padded = torch.randn(len(lengths), longest, tags)
    gold = torch.randint(tags, (len(lengths), longest))
    mask = torch.arange(longest)[None] < torch.tensor(lengths)[:, None]
    theirs = padded.clone().requires_grad_()
    with torch.no_grad():
        best = peer.decode(padded, mask)
    total = peer(theirs, gold, mask, reduction="none")
    weights = torch.rand(len(lengths))  # a gradient of another size for each sequence
    (total * weights).sum().backward()

    ours = padded[mask].clone().requires_grad_()
    mine = [p.detach().clone().requires_grad_() for p in (peer.transitions, peer.start_transitions, peer.end_transitions)]
    found = log_likelihood(ours, np.array(lengths), gold[mask], *mine)
    (found * weights).sum().backward()
    torch.testing.assert_close(found, total, rtol=1e-5, atol=1e-5)
    assert theirs.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad[mask], rtol=1e-4, atol=1e-5)
    for parameter, other in zip(mine, (peer.transitions, peer.start_transitions, peer.end_transitions), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, rtol=1e-4, atol=1e-5)
    transition, initial, final = (parameter.detach().numpy() for parameter in mine)
    path = viterbi(Chain(padded[mask].numpy(), np.array(lengths), transition, initial, final)).tags
    assert path.tolist() == [tag for sequence in best for tag in sequence]
