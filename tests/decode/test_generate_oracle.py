"""Beam and greedy search beside transformers' `generate`, with the same small random GPT-2."""

import pytest
import torch

from seqcli.decode.beam import BeamSearch
from seqcli.decode.sampling import greedy
from seqcli.decode.settings import Settings

V, END, LONGEST = 40, 0, 14


class Forward:
    """A model without a cache: the state is all tokens before the last."""

    size, end = V, END

    def __init__(self, model):
        self.model = model

    def start(self, batch):
        ids = torch.tensor([[END, *prompt] for prompt in batch])
        return ids[:, -1], ids[:, :-1]

    def step(self, last, state):
        ids = torch.cat([state, last[:, None]], 1)
        return self.model(ids).logits[:, -1].log_softmax(-1), ids


@pytest.fixture(scope="module")
def model():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=V, n_positions=64, n_embd=32, n_layer=2, n_head=2, bos_token_id=END, eos_token_id=END, initializer_range=0.4,
        tie_word_embeddings=False,
    )  # fmt: skip
    made = GPT2LMHeadModel(config)
    made.lm_head = torch.nn.Linear(32, V)
    made.lm_head.weight.data.normal_(0, 0.4)
    made.lm_head.bias.data[END] = 2.5  # so that some end early and some never
    return made.eval().double()


PROMPTS = [[3, 5], [7, 7], [20, 1], [39, 2], [11, 30]]


def theirs(model, **options):
    ids = torch.tensor([[END, *prompt] for prompt in PROMPTS])
    done = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=LONGEST, pad_token_id=END, return_dict_in_generate=True,
        output_scores=True, do_sample=False, **options,
    )  # fmt: skip
    return [[token for token in row.tolist()[3:] if token != END] for row in done.sequences], getattr(done, "sequences_scores", None)


@pytest.mark.parametrize("rules", [{}, {"no_repeat": 2}, {"repetition": 1.5}, {"min_length": 6}])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_beam_search_is_theirs(model, rules, alpha):
    names = {"no_repeat": "no_repeat_ngram_size", "repetition": "repetition_penalty", "min_length": "min_new_tokens"}
    asked = {names[name]: value for name, value in rules.items()}
    beams = {"num_beams": 4, "num_return_sequences": 4, "length_penalty": alpha, "early_stopping": "never"}
    texts, scores = theirs(model, **beams, **asked)
    settings = Settings(beam=4, nbest=4, max_length=LONGEST, alpha=alpha, stop="exact", **rules)
    said = [[END, *prompt] for prompt in PROMPTS]
    found = [each for row in BeamSearch(Forward(model), settings).run(PROMPTS, said=said) for each in row]
    assert [each.tokens for each in found] == texts
    assert [each.score for each in found] == pytest.approx(scores.tolist())
    assert len({len(text) for text in texts}) > 1


def test_greedy_search_is_theirs(model):
    texts, _ = theirs(model, num_beams=1)
    found = greedy(Forward(model), PROMPTS, Settings(max_length=LONGEST))
    assert [each[0].tokens for each in found] == texts
