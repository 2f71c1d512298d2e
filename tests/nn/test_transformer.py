"""The stack: equal to torch's layers, to itself step by step, and to each row alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from seqcli.decode.stepper import rows
from seqcli.errors import UsageFailure
from seqcli.nn.masks import look_ahead, padding, right_aligned
from seqcli.nn.transformer import ACTIVATIONS, FeedForward, Shape, Stack

SMALL = Shape(size=12, heads=3, layers=2, inner=20, dropout=0.3, activation="gelu")
LENGTHS = torch.tensor([3, 6, 1, 5])
DECODERS = [
    replace(SMALL, causal=True, prenorm=prenorm, cross=cross, rotary=rotary, activation=activation)
    for prenorm, cross, (rotary, activation) in product((True, False), (False, True), ((False, "relu"), (True, "swiglu")))
] + [replace(SMALL, causal=True, size=18, rotary=True, bias=False)]


def name(shape):
    return "-".join(part for part in ("prenorm", "causal", "cross", "rotary", "bias") if getattr(shape, part)) + f"-{shape.activation}"


def close(mine, theirs, atol=1e-5):
    torch.testing.assert_close(mine, theirs, atol=atol, rtol=0)


def stack(shape):
    torch.manual_seed(0)
    model = Stack(shape).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, mean=0.5)
    return model


def copied(layer, theirs):
    """Our layer's weights in torch's."""
    theirs.self_attn.in_proj_weight.data, theirs.self_attn.in_proj_bias.data = (
        layer.attention.inputs.weight.data,
        layer.attention.inputs.bias.data,
    )
    theirs.self_attn.out_proj = layer.attention.output
    theirs.linear1, theirs.linear2 = layer.feed.inner, layer.feed.output
    norms = [layer.attention_norm, layer.feed_norm]
    if layer.cross is not None:
        theirs.multihead_attn.in_proj_weight.data = layer.cross.inputs.weight.data
        theirs.multihead_attn.in_proj_bias.data = layer.cross.inputs.bias.data
        theirs.multihead_attn.out_proj = layer.cross.output
        norms.insert(1, layer.cross_norm)
    for number, norm in enumerate(norms):
        setattr(theirs, f"norm{number + 1}", norm)
    return theirs.train()  # their fast path for inference is another thing


@pytest.mark.parametrize("prenorm", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_torchs_encoder_layer(prenorm, activation):
    model = stack(replace(SMALL, layers=1, prenorm=prenorm, activation=activation, dropout=0.0))
    theirs = nn.TransformerEncoderLayer(12, 3, 20, 0.0, activation, batch_first=True, norm_first=prenorm)
    copied(model.layers[0], theirs)
    x, mask = torch.randn(4, 6, 12), padding(LENGTHS)
    close(model(x, mask)[mask], model.norm(theirs(x, src_key_padding_mask=~mask))[mask])


@pytest.mark.parametrize("prenorm", [True, False])
def test_torchs_decoder_layer(prenorm):
    model = stack(replace(SMALL, layers=1, prenorm=prenorm, causal=True, cross=True, dropout=0.0))
    theirs = nn.TransformerDecoderLayer(12, 3, 20, 0.0, "gelu", batch_first=True, norm_first=prenorm)
    copied(model.layers[0], theirs)
    x, memory, mask = torch.randn(4, 5, 12), torch.randn(4, 6, 12), padding(LENGTHS)
    expected = theirs(x, memory, tgt_mask=~look_ahead(5), memory_key_padding_mask=~mask)
    close(model(x, memory=memory, memory_mask=mask), model.norm(expected))


@pytest.mark.parametrize("shape", DECODERS, ids=name)
def test_step_by_step_is_all_at_once(shape):
    """Prompts of different lengths, padded on the left, then token by token: as each row alone, all at once."""
    model = stack(shape)
    x, memory = torch.randn(4, 40, shape.size), torch.randn(4, 7, shape.size) if shape.cross else None
    source = torch.tensor([7, 2, 5, 1])
    lengths = torch.tensor([3, 6, 0, 5])
    with torch.inference_mode():
        memory_mask = padding(source) if shape.cross else None
        cache = model.begin(4, 6 - lengths, memory, memory_mask)
        states, cache = model.step(right_aligned(x[:, :6], lengths), cache)
        found = [[*states[row, 6 - length :]] for row, length in enumerate(lengths.tolist())]
        for t in range(30):
            states, cache = model.step(x[torch.arange(4), lengths + t][:, None], cache)
            for row in range(4):
                found[row].append(states[row, 0])
        for row, length in enumerate((lengths + 30).tolist()):
            offered = memory if memory is None else memory[row : row + 1, : source[row]]
            close(torch.stack(found[row]), model(x[row : row + 1, :length], memory=offered)[0])


@pytest.mark.parametrize("shape", DECODERS, ids=name)
def test_rows_of_a_cache_can_be_reordered(shape):
    model = stack(shape)
    x, memory = torch.randn(3, 8, shape.size), torch.randn(3, 7, shape.size) if shape.cross else None
    with torch.inference_mode():
        _, cache = model.step(x[:, :5], model.begin(3, memory=memory))
        order = torch.tensor([2, 0, 0, 1])
        again = rows(cache, order)
        states, again = model.step(x[order, 5:6], again)
        states, _ = model.step(x[order, 6:7], again)
        expected = model(x[:, :7], memory=memory)[order, -1]
        close(states[:, 0], expected)


@pytest.mark.parametrize("shape", [*DECODERS, SMALL, replace(SMALL, prenorm=False, rotary=True)], ids=name)
def test_a_padded_batch_is_its_rows(shape):
    model = stack(replace(shape, size=12) if not shape.rotary else shape)
    size = model.shape.size
    x, memory = torch.randn(4, 6, size), torch.randn(4, 6, size) if shape.cross else None
    for mask in (padding(LENGTHS), *([None] if shape.causal else [])):  # looking back only, padding is never seen
        found = model(x, mask, memory, padding(LENGTHS) if shape.cross else None)
        for row, length in enumerate(LENGTHS.tolist()):
            offered = memory if memory is None else memory[row : row + 1, :length]
            close(found[row, :length], model(x[row : row + 1, :length], memory=offered)[0])


def test_padding_on_the_left_never_poisons():
    """A row of padding alone has nothing to look at: no NaN may come of it."""
    model = stack(DECODERS[0])
    with torch.inference_mode():
        states, cache = model.step(torch.randn(2, 3, 12), model.begin(2, torch.tensor([3, 0])))
        assert states.isfinite().all()
        first = torch.randn(1, 1, 12)
        states, _ = model.step(first.expand(2, 1, 12), cache)
        close(states[0], model(first)[0])


@pytest.mark.parametrize("shape", [SMALL, *DECODERS], ids=name)
def test_gradients_reach_everything(shape):
    model = Stack(shape).train()
    memory = torch.randn(2, 3, shape.size) if shape.cross else None
    x = torch.randn(2, 5, shape.size, requires_grad=True)
    model(x, memory=memory).square().sum().backward()
    for which, parameter in model.named_parameters():
        assert parameter.grad is not None, which
        assert parameter.grad.isfinite().all()
    for t in range(5):  # what comes before is not changed by what comes after
        (gradient,) = torch.autograd.grad(model.eval()(x, memory=memory)[:, t].square().sum(), x)
        reached = gradient.abs().sum((0, 2)) > 0
        assert reached.tolist() == [not shape.causal or place <= t for place in range(5)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward(activation):
    feed = FeedForward(6, 10, activation)
    x = torch.randn(2, 3, 6)
    inner = feed.inner(x)
    if activation == "swiglu":
        inner = nn.functional.silu(inner[..., :10]) * inner[..., 10:]
    else:
        inner = {"relu": nn.ReLU(), "gelu": nn.GELU(), "gelu-tanh": nn.GELU("tanh"), "silu": nn.SiLU()}[activation](inner)
    close(feed(x), feed.output(inner))


def test_how_it_begins():
    torch.manual_seed(0)
    model = Stack(Shape(size=64, heads=4, layers=8, inner=256, scaled=True))
    weights = dict(model.named_parameters())
    assert weights["layers.0.attention.inputs.weight"].std().item() == pytest.approx(0.02, rel=0.1)
    assert weights["layers.0.feed.output.weight"].std().item() == pytest.approx(0.02 / 4, rel=0.1)
    x = torch.randn(2, 10, 64)
    assert (model.eval()(x).std() / x.std()).item() == pytest.approx(1, rel=0.1)
    with pytest.raises(UsageFailure, match="did you mean 'gelu"):
        FeedForward(6, 10, "gellu")


# Layers of others: their weights in ours, their states out of ours ---------------------------------------------------


def stacked(*parts):
    """Matrices for queries, keys and values as one."""
    return {
        "weight": torch.cat([part.weight.detach() for part in parts]),
        "bias": torch.cat([part.bias.detach() for part in parts]),
    }


def transposed(part):
    """GPT-2 keeps its matrices the other way round."""
    return {"weight": part.weight.detach().T, "bias": part.bias.detach()}


def filled(stack, *parts):
    """The modules of every layer from the state of others': name -> state."""
    for layer, states in zip(stack.layers, parts, strict=True):
        for which, state in states.items():
            layer.get_submodule(which).load_state_dict(state if isinstance(state, dict) else state.state_dict())
    return stack.eval()


def shaken(model):
    """With norms and biases that are not what they begin as."""
    torch.manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, mean=0.5 if parameter.dim() == 1 else 0, std=0.2)
    return model.eval()


def test_gpt2s_layers():
    from transformers import GPT2Config, GPT2Model

    theirs = shaken(GPT2Model(GPT2Config(n_embd=12, n_head=3, n_layer=2, n_positions=16, vocab_size=20)))
    shape = Shape(size=12, heads=3, layers=2, inner=48, activation="gelu-tanh", causal=True)
    parts = [
        {
            "attention.inputs": transposed(block.attn.c_attn),
            "attention.output": transposed(block.attn.c_proj),
            "attention_norm": block.ln_1,
            "feed.inner": transposed(block.mlp.c_fc),
            "feed.output": transposed(block.mlp.c_proj),
            "feed_norm": block.ln_2,
        }
        for block in theirs.h
    ]
    model = filled(Stack(shape), *parts)
    model.norm.load_state_dict(theirs.ln_f.state_dict())
    x = torch.randn(3, 7, 12)
    close(model(x + theirs.wpe.weight[:7]), theirs(inputs_embeds=x).last_hidden_state)


def test_berts_layers():
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=12, num_attention_heads=3, num_hidden_layers=2, intermediate_size=20, vocab_size=20)
    theirs = shaken(BertModel(config))
    shape = Shape(size=12, heads=3, layers=2, inner=20, activation="gelu", prenorm=False, epsilon=1e-12)
    parts = []
    for layer in theirs.encoder.layer:
        looks = layer.attention.self
        parts.append(
            {
                "attention.inputs": stacked(looks.query, looks.key, looks.value),
                "attention.output": layer.attention.output.dense,
                "attention_norm": layer.attention.output.LayerNorm,
                "feed.inner": layer.intermediate.dense,
                "feed.output": layer.output.dense,
                "feed_norm": layer.output.LayerNorm,
            }
        )
    model = filled(Stack(shape), *parts)
    ids, mask = torch.randint(20, (4, 6)), padding(LENGTHS)
    expected = theirs(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    close(model(theirs.embeddings(ids), mask)[mask], expected[mask])


def test_marians_layers():
    from transformers import MarianConfig, MarianModel

    config = MarianConfig(
        vocab_size=20, d_model=12, encoder_layers=2, decoder_layers=2, encoder_attention_heads=3, decoder_attention_heads=3,
        encoder_ffn_dim=20, decoder_ffn_dim=20, activation_function="swish", pad_token_id=19, decoder_start_token_id=19,
    )  # fmt: skip
    theirs = shaken(MarianModel(config))
    shape = Shape(size=12, heads=3, layers=2, inner=20, activation="silu", prenorm=False)
    stacks = []
    for side, causal in ((theirs.encoder, False), (theirs.decoder, True)):
        parts = []
        for layer in side.layers:
            looks = layer.self_attn
            part = {"attention.inputs": stacked(looks.q_proj, looks.k_proj, looks.v_proj), "attention.output": looks.out_proj}
            part |= {"attention_norm": layer.self_attn_layer_norm, "feed.inner": layer.fc1, "feed.output": layer.fc2}
            part["feed_norm"] = layer.final_layer_norm
            if causal:
                looks = layer.encoder_attn
                part |= {"cross.inputs": stacked(looks.q_proj, looks.k_proj, looks.v_proj), "cross.output": looks.out_proj}
                part["cross_norm"] = layer.encoder_attn_layer_norm
            parts.append(part)
        stacks.append(filled(Stack(replace(shape, causal=causal, cross=causal)), *parts))
    encoder, decoder = stacks
    x, y, mask = torch.randn(4, 6, 12), torch.randn(4, 5, 12), padding(LENGTHS)
    memory = encoder(x + theirs.encoder.embed_positions.weight[:6], mask)
    expected = theirs(inputs_embeds=x, attention_mask=mask.long(), decoder_inputs_embeds=y)
    close(memory[mask], expected.encoder_last_hidden_state[mask])
    close(decoder(y + theirs.decoder.embed_positions.weight[:5], None, memory, mask), expected.last_hidden_state)
