"""Answers to questions: exact match and F1 of words, the best over the right answers (SQuAD; Rajpurkar et al. 2016, 2018).

Answers are compared without case, punctuation (ASCII), the words *a, an, the* and spare blanks. A question without an
answer (version 2) has the empty text for its only right one; an answer that has nothing left is then right, and none
counts for words it shares. A question that the system does not answer counts 0.

The reference is SQuAD's JSON, JSON Lines with `id` and `answers`, or lines with the right answers and tabs between; the
system gives `{"id": "answer", ...}`, JSON Lines with `id` and `answer`, or an answer a line.

>>> normalize("The  Norman-French (a dialect)!")
'normanfrench dialect'
>>> exact_and_f1("the cat", ["a cat", "dog"]), exact_and_f1("black cat", ["cat"]), exact_and_f1("", [])
((1.0, 1.0), (0.0, 0.6666666666666666), (1.0, 1.0))
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data.blocks import blocks, name_of
from seqcli.data.examples import DoubleArray, FloatArray
from seqcli.errors import Failure, UsageFailure, nearest
from seqcli.metrics import Request, tagging
from seqcli.metrics.labels.scoring import Metric, Namer, of_segments, same_count
from seqcli.metrics.report import Evaluation, Segment

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
DEFAULT = ("squad-em", "squad-f1")
PARTS = ("squad-em/has-answer", "squad-f1/has-answer", "squad-em/no-answer")  # told where some questions have no answer


def normalize(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single blanks, in this order."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_and_f1(answer: str, golds: Sequence[str]) -> tuple[float, float]:
    """Exact match (0 or 1) and F1 of words of one answer, each the best over the right answers; none: the empty text."""
    words = normalize(answer)
    rights = [right for right in map(normalize, golds) if right] or [""]
    if words in rights:
        return 1.0, 1.0
    return 0.0, max(overlap(words.split(), right.split()) for right in rights)


def overlap(words: Sequence[str], others: Sequence[str]) -> float:
    """F1 of two bags of words; 0 where they share none.

    >>> overlap(["x", "x", "y"], ["x", "z"])
    0.4
    """
    common = sum((Counter(words) & Counter(others)).values())
    return 2 * common / (len(words) + len(others)) if common else 0.0


def share(part: int, whole: int) -> Metric:
    """One sum in percent of another."""

    def metric(sums: FloatArray) -> FloatArray:
        return tagging.ratio(sums[..., part], sums[..., whole])

    return metric


# sums: exact, F1 and count of the questions with an answer, exact and count of those without, exact, F1 and count of all
METRICS = {
    "squad-em": share(5, 7), "squad-f1": share(6, 7),
    "squad-em/has-answer": share(0, 2), "squad-f1/has-answer": share(1, 2), "squad-em/no-answer": share(3, 4),
}  # fmt: skip
COUNT = {"squad-em/has-answer": 2, "squad-f1/has-answer": 2, "squad-em/no-answer": 4}


@dataclass(frozen=True, slots=True)
class Question:
    """What is right for one question."""

    key: str  # its id, or the number of its line
    answers: tuple[str, ...]  # none: the question has no answer
    text: str  # the question where the file has it, or its first answer
    line: int


def evaluate(request: Request) -> list[Evaluation]:
    """All systems against the reference; files that cannot be read and files that do not go together raise Failure."""
    for name in request.metrics:
        if name not in METRICS and name != "squad":
            raise UsageFailure(f"--metric {name}: no such metric", hint=nearest(name, METRICS))
    plain, questions = read_questions(request.reference, request.errors)
    return [evaluation(request, path, questions, plain) for path in request.systems]


def evaluation(request: Request, path: Path, questions: Sequence[Question], plain: bool) -> Evaluation:
    """All that was asked for of one system."""
    name, reference = name_of(path), name_of(request.reference)
    answers = read_answers(path, request.errors, plain, reference, len(questions))
    missing = sum(question.key not in answers for question in questions)
    if missing == len(questions):
        raise Failure(f"{name} answers none of the questions of {reference}", hint="do their ids go together?")
    statistics = count(questions, answers)
    sums = of_segments(statistics, request.resamples, request.seed)
    unanswerable = int(sums.total[4])
    namer = Namer(name, request, ("squad",))
    default = (*DEFAULT, *PARTS) if unanswerable else DEFAULT
    names = [each for metric in request.metrics or ("squad",) for each in (default if metric == "squad" else [metric])]
    scores = []
    for each in names:
        counts = {"n": int(sums.total[COUNT.get(each, 7)])} | ({"missing": missing} if missing else {})
        scores.append(namer.score(each, sums.score(METRICS[each]), counts))
    about = f"answers of {name} against {reference}: {len(questions)} questions"
    about += f", {unanswerable} without an answer" if unanswerable else ""
    about += f"; {missing} that the system does not answer count 0" if missing else ""
    extra = len(answers) - (len(questions) - missing)
    about += f"; {extra} answers to other questions left out" if extra else ""
    return Evaluation(name, about, scores, [], [], segments(questions, statistics))


def count(questions: Sequence[Question], answers: Mapping[str, str]) -> DoubleArray:
    """The statistics of Q questions, (Q, 8), as `METRICS` sums them."""
    rows = np.zeros((len(questions), 8))
    for at, question in enumerate(questions):
        answer = answers.get(question.key)
        exact, f1 = (0.0, 0.0) if answer is None else exact_and_f1(answer, question.answers)
        rows[at] = (exact, f1, 1, 0, 0, exact, f1, 1) if question.answers else (0, 0, 0, exact, 1, exact, f1, 1)
    return rows


def segments(questions: Sequence[Question], statistics: DoubleArray) -> Iterator[Segment]:
    """Each question: its F1, and whether the answer is exact."""
    for question, row in zip(questions, statistics.tolist(), strict=True):
        yield Segment(100 * row[6], {"exact": int(row[5])}, question.line, question.text)


def read_questions(path: Path, errors: str) -> tuple[bool, list[Question]]:
    """Whether the file is plain lines, and its questions."""
    name, lines = name_of(path), read_lines(path, errors)
    if not lines[0].lstrip().startswith("{"):
        answers = [tuple(answer for answer in line.split("\t") if answer.strip()) for line in lines]
        found = [Question(str(at), each, each[0] if each else "", at) for at, each in enumerate(answers, 1)]
        return True, found
    document = whole(lines)
    if document is not None and "data" in document:
        return False, from_squad(document, name)
    return False, [from_record(record, name, line) for line, record in records(lines, name)]


def from_squad(document: Mapping[str, Any], name: str) -> list[Question]:
    """The questions of SQuAD's JSON; a segment's line is the question's place."""
    questions: list[Question] = []
    try:
        for article in document["data"]:
            for paragraph in article["paragraphs"]:
                for item in paragraph["qas"]:
                    answers = tuple(answer["text"] for answer in item["answers"])
                    questions.append(Question(str(item["id"]), answers, " ".join(item["question"].split()), len(questions) + 1))
    except (KeyError, TypeError, AttributeError) as error:
        where = f"question {len(questions) + 1}"
        raise Failure(
            f"{name}, {where}: not as SQuAD has it ({error})", hint="expected data, paragraphs, qas, id, answers, text"
        ) from None
    if not questions:
        raise Failure(f"{name}: no questions")
    return questions


def from_record(record: Mapping[str, Any], name: str, line: int) -> Question:
    """A line of JSON: `answers` are texts, objects with `text`, or one object with a list of them."""
    answers = record.get("answers")
    if isinstance(answers, dict):
        answers = answers.get("text")
    if isinstance(answers, list):
        answers = [answer.get("text") if isinstance(answer, dict) else answer for answer in answers]
    if "id" not in record or not isinstance(answers, list) or not all(isinstance(answer, str) for answer in answers):
        raise Failure(f"{name}, line {line}: expected an object with `id` and `answers`, a list of texts")
    text = record.get("question") or (answers[0] if answers else "")
    return Question(str(record["id"]), tuple(answers), " ".join(str(text).split()), line)


def read_answers(path: Path, errors: str, plain: bool, reference: str, n: int) -> dict[str, str]:
    """A system's answer by question; `plain` as the reference is, which has n questions."""
    name, lines = name_of(path), read_lines(path, errors)
    if plain:
        same_count(reference, n, name, len(lines), "lines")
        return {str(number): line for number, line in enumerate(lines, 1)}
    if not lines[0].lstrip().startswith("{"):
        raise Failure(f"{name}: expected JSON, as {reference} is", hint='{"id": "answer"}, or JSON Lines with id and answer')
    document = whole(lines)
    if document is not None and not ("id" in document and ("answer" in document or "prediction_text" in document)):
        wrong = next((key for key, answer in document.items() if not isinstance(answer, str)), None)
        if wrong is not None:
            raise Failure(f"{name}: the answer of {wrong!r} is no text")
        return document
    found: dict[str, str] = {}
    for line, record in records(lines, name):
        answer = record.get("answer", record.get("prediction_text"))
        if "id" not in record or not isinstance(answer, str):
            raise Failure(f"{name}, line {line}: expected an object with `id` and `answer`, a text")
        found[str(record["id"])] = answer
    return found


def read_lines(path: Path, errors: str) -> list[str]:
    """All lines of a file; one without lines raises Failure."""
    lines = [line for block in blocks([path]) for line in block.lines(errors)]
    if not lines:
        raise Failure(f"{name_of(path)} is empty")
    return lines


def whole(lines: Sequence[str]) -> dict[str, Any] | None:
    """The one object that a file is; None where it is none, or one on each line."""
    try:
        value = json.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def records(lines: Sequence[str], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of JSON Lines with their line numbers; blank lines are passed over."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Failure(f"{name}, line {number}: not JSON: {error}") from None
            if not isinstance(value, dict):
                raise Failure(f"{name}, line {number}: expected an object, found {type(value).__name__}")
            yield number, value
