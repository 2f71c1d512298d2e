"""What a training may be told, and how it says that it may not."""

from typing import Any

import pytest

from seqcli.errors import UsageFailure
from seqcli.models.learning import Training, differences
from seqcli.training import recipe


def test_the_defaults_are_good():
    Training().check()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"optimizer": "adamww"}, "did you mean 'adamw'"),
        ({"schedule": "cosinus"}, "did you mean 'cosine'"),
        ({"rate": 0.0}, "rate above 0"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": 0.1, "last_rate": 0.2}, "not below last_rate"),
        ({"accumulate": 0}, "accumulate=0: expected a number from 1"),
        ({"clip_norm": -1.0}, "clip_norm=-1.0: expected a number from 0"),
        ({"ema": 1.0}, "ema=1.0: expected a number below 1"),
        ({"schedule": "inverse-sqrt"}, "warmup"),
        ({"schedule": "step"}, "decay_steps"),
        ({"keep": "first"}, "keep=first"),
        ({"precision": "fp16"}, "precision=fp16"),
    ],
    ids=str,
)
def test_what_is_refused(settings, said):
    with pytest.raises(UsageFailure, match=said):
        Training(**settings).check()


def test_a_recipe_sets_each_kind():
    found = recipe.apply(Training(), {"freeze": "embed.*,lstm.*", "rate": "0.01", "compile": "yes", "warmup": 5}, "--set")
    assert (found.freeze, found.rate, found.compile, found.warmup) == (("embed.*", "lstm.*"), 0.01, True, 5)


def test_differences_are_in_words():
    was: dict[str, Any] = {"rate": 0.1, "epochs": 3, "gone": 1}
    assert differences(was, {"rate": 0.1, "epochs": 4, "new": True}) == [
        "epochs: was 3, is 4", "gone: was 1, is nothing", "new: was nothing, is True",
    ]  # fmt: skip
