"""The tasks of GLUE, against scipy and scikit-learn."""

import json
import random

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from seqcli.errors import UsageFailure
from seqcli.metrics import report
from seqcli.metrics.labels import glue
from tests.metrics.labels.asking import ask, fails, lines, scores

ORACLES = {
    "cola": sk.matthews_corrcoef,
    "sst2": sk.accuracy_score,
    "mrpc": lambda gold, pred: (sk.accuracy_score(gold, pred) + sk.f1_score(gold, pred)) / 2,
    "qqp": lambda gold, pred: (sk.accuracy_score(gold, pred) + sk.f1_score(gold, pred)) / 2,
    "stsb": lambda gold, pred: (stats.pearsonr(gold, pred)[0] + stats.spearmanr(gold, pred)[0]) / 2,
    "mnli": sk.accuracy_score,
    "qnli": sk.accuracy_score,
    "rte": sk.accuracy_score,
    "wnli": sk.accuracy_score,
}


def answers(task, seed):
    rng = random.Random(seed)
    if task == "stsb":
        gold = [rng.randint(0, 20) / 4 for _ in range(60)]
        return gold, [value + rng.gauss(0, 1) for value in gold]
    gold = [rng.randint(0, 2 if task == "mnli" else 1) for _ in range(60)]
    return gold, [value if rng.random() < 0.7 else rng.randint(0, 1) for value in gold]


@pytest.mark.parametrize("task", ORACLES)
def test_a_task_by_its_own_metric(task):
    gold, pred = answers(task, 1)
    [evaluation] = ask(glue, lines(gold), lines(pred), metrics=f"glue/{task}", resamples=200)
    [score] = evaluation.headline
    assert score.score == pytest.approx(100 * ORACLES[task](gold, pred))
    assert score.low < score.score < score.high
    assert score.signature.startswith(f"glue|{glue.TASKS[task]}|seed:12345")
    assert len(evaluation.segments) == 60


def test_the_mean_of_all_tasks():
    rows: list[list[str]] = [[], []]
    expected = {}
    for seed, task in enumerate(ORACLES):
        both = answers(task, seed)
        expected[f"glue/{task}"] = 100 * ORACLES[task](*both)
        for side, labels in enumerate(both):
            rows[side] += [json.dumps({"task": task.upper().replace("SST2", "SST-2"), "label": label}) for label in labels]
    [evaluation] = ask(glue, lines(rows[0]), lines(rows[1]), resamples=100)
    found = scores(evaluation)
    assert found.pop("glue") == pytest.approx(np.mean(list(expected.values())))
    assert found == pytest.approx(expected)
    mean = evaluation.headline[0]
    assert mean.low < mean.score < mean.high
    assert mean.counts == {"tasks": 9}
    assert evaluation.segments[0].text.startswith("cola: ")
    [evaluation] = ask(glue, lines(rows[0]), lines(rows[1]), metrics="glue/rte,glue/cola")
    assert scores(evaluation) == {name: pytest.approx(expected[name]) for name in ("glue/rte", "glue/cola")}


def test_paraphrases_that_nobody_sees():
    [evaluation] = ask(glue, "0\n0\n", "0\n0\n", metrics="glue/mrpc")
    assert scores(evaluation) == {"glue/mrpc": 50.0}


def test_what_is_not_defined_is_a_dash():
    [evaluation] = ask(glue, "1\n1\n", "1\n2\n", metrics="glue/stsb", resamples=5)
    assert report.number(evaluation.headline[0].score) == "–"


def test_what_is_wrong_is_said():
    row = '{"task": "rte", "label": 1}\n'
    fails(["no such task", "did you mean 'glue/mrpc'?"], glue, "1\n", "1\n", metrics="glue/mrcp", error=UsageFailure)
    fails(["expected JSON Lines", "glue/rte"], glue, "1\n", "1\n")
    fails("ref, line 2: 'yes' is no label of mrpc", glue, "1\nyes\n", "1\n0\n", metrics="glue/mrpc")
    fails("sys0, line 1: 'x' is not a finite number", glue, "1\n2\n", "x\n2\n", metrics="glue/stsb")
    fails("sys0, line 2: no number", glue, "1\n2\n", "1\n\n", metrics="glue/stsb")
    fails(["ref has 2 labels of rte", "sys0 has 1"], glue, row + row, row)
    fails(["ref has 1 labels of rte", "sys0 has 0"], glue, row, row.replace("rte", "qnli"))
    fails(["line 1: no task 'rtee' in GLUE", "did you mean 'rte'?"], glue, row.replace("rte", "rtee"), row)
    fails("line 1: expected an object with `task` and `label`", glue, '{"task": "rte"}\n', row)
    fails("no labels of cola", glue, row, row, metrics="glue/cola")
