"""Recurrent networks: a state that is carried along a sequence, x_t, h_{t-1} -> h_t.

The cells below are the definition, equation by equation. What runs is torch's fused kernels for whole sequences and its fused cells
for one step; both use the same parameters, laid out as torch's (`weight_ih_l0` …), and tests hold them to the definition.

A state has its batch first, (B, layers × directions, H), so that a search can reorder it; an LSTM's is a pair of those, (h, c).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from seqcli.errors import UsageFailure, nearest
from seqcli.nn.dropout import Locked, weights_dropped
from seqcli.nn.masks import padding

State: TypeAlias = Tensor | tuple[Tensor, Tensor]


# The cells -----------------------------------------------------------------------------------------------------------


class Weights(NamedTuple):
    """Of one cell, its gates one below the other: G = 1 for an RNN, 3 for a GRU, 4 for an LSTM."""

    inputs: Tensor  # W (G H, D)
    hidden: Tensor  # U (G H, H)
    input_bias: Tensor  # (G H,)
    hidden_bias: Tensor  # (G H,)

    def gates(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """W x + b and U h + b', (B, G H) each."""
        return linear(x, self.inputs, self.input_bias), linear(h, self.hidden, self.hidden_bias)


def rnn(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """Plain: h' = tanh(W x + U h + b) (Elman 1990)."""
    from_input, from_hidden = weights.gates(x, h)
    return (from_input + from_hidden).tanh()


def irnn(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """Rectified: h' = max(0, W x + U h + b), where U begins as the identity (Le, Jaitly and Hinton 2015)."""
    from_input, from_hidden = weights.gates(x, h)
    return (from_input + from_hidden).relu()


def gru(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as cuDNN has it.

    r = σ(W_r x + U_r h), z = σ(W_z x + U_z h), n = tanh(W_n x + r ⊙ U_n h), h' = (1 - z) ⊙ n + z ⊙ h
    """
    (r, z, n), (hidden_r, hidden_z, hidden_n) = (each.chunk(3, -1) for each in weights.gates(x, h))
    reset, update = (r + hidden_r).sigmoid(), (z + hidden_z).sigmoid()
    new = (n + reset * hidden_n).tanh()
    return (1 - update) * new + update * h


def lstm(x: Tensor, state: tuple[Tensor, Tensor], weights: Weights) -> tuple[Tensor, Tensor]:
    """Long short-term memory (Hochreiter and Schmidhuber 1997), with a forget gate (Gers, Schmidhuber and Cummins 2000).

    i, f, o = σ(W x + U h) each with its own rows, g = tanh(W_g x + U_g h), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c')
    """
    h, c = state
    from_input, from_hidden = weights.gates(x, h)
    i, f, g, o = (from_input + from_hidden).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class Kind(NamedTuple):
    """One kind of cell, three times: by definition, torch's kernel for sequences, torch's for one step."""

    cell: Callable[..., State]
    kernel: Callable[..., nn.RNNBase]
    step: Callable[..., State]


KINDS = {
    "rnn": Kind(rnn, nn.RNN, torch.rnn_tanh_cell),
    "irnn": Kind(irnn, lambda *args, **more: nn.RNN(*args, nonlinearity="relu", **more), torch.rnn_relu_cell),
    "gru": Kind(gru, nn.GRU, torch.gru_cell),
    "lstm": Kind(lstm, nn.LSTM, torch.lstm_cell),
}


# The network ---------------------------------------------------------------------------------------------------------


class Recurrent(nn.Module):
    """A stack of `layers` recurrent layers of `size` units, read from one end or, `bidirectional`, from both.

    `dropout` is between layers; `locked` drops the same units at every place (`nn/dropout.py`); `weight_drop` drops recurrent weights
    (AWD-LSTM); `residual` adds a layer's input to its output (Wu et al. 2016). An LSTM's forget gates begin with `forget_bias`, open.

    >>> encoder = Recurrent("lstm", inputs=8, size=5, bidirectional=True)
    >>> states, (h, c) = encoder(torch.randn(2, 7, 8), torch.tensor([7, 3]))
    >>> states.shape, states[1, 3:].abs().sum().item(), h.shape       # nothing beyond the end of the second
    (torch.Size([2, 7, 10]), 0.0, torch.Size([2, 2, 5]))

    Raises:
        UsageFailure: there is no such kind.
    """

    def __init__(
        self,
        kind: str,
        inputs: int,
        size: int,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        locked: bool = False,
        weight_drop: float = 0.0,
        residual: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise UsageFailure(f"cell={kind}: no such cell", hint=nearest(kind, KINDS))
        self.kind, self.inputs, self.units, self.layers = kind, inputs, size, layers
        self.directions = 2 if bidirectional else 1
        self.size = size * self.directions
        self.dropout, self.weight_drop, self.residual, self.forget_bias = dropout, weight_drop, residual, forget_bias
        self.between = Locked(dropout) if locked else nn.Dropout(dropout)
        make = KINDS[kind].kernel
        if locked or residual:  # what happens between layers is ours: a kernel a layer
            sizes = [inputs, *[self.size] * (layers - 1)]
            kernels = [make(wide, size, batch_first=True, bidirectional=bidirectional) for wide in sizes]
        else:
            plain = dropout if layers > 1 else 0.0
            kernels = [make(inputs, size, layers, batch_first=True, bidirectional=bidirectional, dropout=plain)]
        self.kernels = nn.ModuleList(kernels)
        self.reset()

    def reset(self) -> None:
        """Begin anew: torch's uniform values, an open forget gate; for an IRNN what its paper says."""
        for layer in range(self.layers):
            for direction in range(self.directions):
                weights = self.weights(layer, direction)
                if self.kind == "lstm":
                    forget = slice(self.units, 2 * self.units)
                    nn.init.constant_(weights.input_bias[forget], self.forget_bias)
                    nn.init.zeros_(weights.hidden_bias[forget])
                if self.kind == "irnn":
                    nn.init.normal_(weights.inputs, std=0.001)
                    nn.init.eye_(weights.hidden)
                    nn.init.zeros_(weights.input_bias)
                    nn.init.zeros_(weights.hidden_bias)

    def weights(self, layer: int, direction: int = 0) -> Weights:
        """The parameters of one cell; direction 1 reads from the end."""
        kernel, number = (self.kernels[layer], 0) if len(self.kernels) > 1 else (self.kernels[0], layer)
        end = f"_l{number}" + "_reverse" * direction
        return Weights(*(getattr(kernel, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))

    def begin(self, rows: int, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> State:
        """The state before the first place: zeros; on the device, and of the kind, of the parameters."""
        like = self.weights(0).hidden_bias
        zeros = like.new_zeros(rows, self.layers * self.directions, self.units, device=device, dtype=dtype)
        return (zeros, zeros.clone()) if self.kind == "lstm" else zeros

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """Whole sequences, by torch's kernels.

        Args:
            x: (B, L, inputs), padded on the right.
            lengths: (B,), all > 0; None where every row is full.
            state: what came before, (B, layers × directions, H).

        Returns:
            states (B, L, size), 0 beyond a row's length, and the state at each row's last place (its first for the way back).
        """
        length = x.shape[1]
        state = self.begin(len(x), x.device, x.dtype) if state is None else state
        ragged = None if lengths is None else lengths.cpu()  # torch wants them there to pack
        if ragged is not None and bool((ragged == length).all()):
            ragged = None
        ended, part = [], self.layers * self.directions // len(self.kernels)
        for layer, kernel in enumerate(self.kernels):
            before = x if layer == 0 else self.between(x)
            x, last = self.run(cast(nn.RNNBase, kernel), before, ragged, cut(state, layer * part, part))
            if self.residual and before.shape == x.shape:
                x = x + before  # padding is 0 in both, except in the first layer's input
            ended.append(last)
        if self.residual and lengths is not None:
            x = x * padding(lengths, length)[..., None]
        return x, joined(ended)

    def run(self, kernel: nn.RNNBase, x: Tensor, lengths: Tensor | None, state: State) -> tuple[Tensor, State]:
        """One kernel; packs only what is ragged."""
        hidden = tuple(swapped(each) for each in state) if isinstance(state, tuple) else swapped(state)
        dropped = self.training and self.weight_drop
        with weights_dropped(kernel, self.weight_drop) if dropped else nullcontext():
            if lengths is None:
                out, last = kernel(x, hidden)
            else:
                packed: PackedSequence
                packed, last = kernel(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), hidden)
                out, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return out, (swapped(last[0]), swapped(last[1])) if isinstance(last, tuple) else swapped(last)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One place further, (B, inputs) -> (B, size): what generation runs. One direction only."""
        assert self.directions == 1, "what comes next cannot be read from its end"
        cell = KINDS[self.kind].step
        reached: list[State] = []
        for layer in range(self.layers):
            before = x if layer == 0 or not self.training else dropout(x, self.dropout)
            past = (state[0][:, layer], state[1][:, layer]) if isinstance(state, tuple) else state[:, layer]
            now = cell(before, past, *self.weights(layer))
            x = now[0] if isinstance(now, tuple) else now
            x = x + before if self.residual and before.shape == x.shape else x
            reached.append(now)
        if isinstance(state, tuple):
            return x, (torch.stack([each[0] for each in reached], 1), torch.stack([each[1] for each in reached], 1))
        return x, torch.stack(cast(list[Tensor], reached), 1)

    def unrolled(self, x: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """The definition: as `forward` without dropout, cell by cell."""
        lengths = torch.full((len(x),), x.shape[1], device=x.device) if lengths is None else lengths
        state = self.begin(len(x), x.device, x.dtype) if state is None else state
        ended = []
        for layer in range(self.layers):
            ways = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                way, last = self.walk(x, lengths, cut(state, number, 1), self.weights(layer, direction), bool(direction))
                ways.append(way)
                ended.append(last)
            out = torch.cat(ways, -1)
            x = out + x if self.residual and x.shape == out.shape else out
        return x * padding(lengths, x.shape[1])[..., None], joined(ended)

    def walk(self, x: Tensor, lengths: Tensor, state: State, weights: Weights, back: bool) -> tuple[Tensor, State]:
        """One cell along a sequence, from its end if `back`; where a row has nothing, its state stays as it is."""
        cell = KINDS[self.kind].cell
        h, c = (state[0][:, 0], state[1][:, 0]) if isinstance(state, tuple) else (state[:, 0], None)
        out: dict[int, Tensor] = {}
        for t in reversed(range(x.shape[1])) if back else range(x.shape[1]):
            there = (t < lengths)[:, None]  # (B, 1)
            if c is None:
                h = torch.where(there, cast(Tensor, cell(x[:, t], h, weights)), h)
            else:
                new_h, new_c = cell(x[:, t], (h, c), weights)
                h, c = torch.where(there, new_h, h), torch.where(there, new_c, c)
            out[t] = h * there
        states = torch.stack([out[t] for t in range(x.shape[1])], 1)  # (B, L, H)
        return states, h[:, None] if c is None else (h[:, None], c[:, None])

    def extra_repr(self) -> str:
        """For people who print the model."""
        return f"{self.kind}, {self.inputs} -> {self.size}, layers={self.layers}"


def swapped(state: Tensor) -> Tensor:
    """Batch first to layers first, which torch's kernels want, and back."""
    return state.transpose(0, 1).contiguous()


def cut(state: State, start: int, count: int) -> State:
    """So many layers of a state."""
    part = slice(start, start + count)
    return (state[0][:, part], state[1][:, part]) if isinstance(state, tuple) else state[:, part]


def joined(states: list[State]) -> State:
    """The layers of several states one after the other."""
    if isinstance(states[0], tuple):
        return torch.cat([each[0] for each in states], 1), torch.cat([each[1] for each in states], 1)
    return torch.cat(cast(list[Tensor], states), 1)
