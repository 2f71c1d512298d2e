"""Trainings by gradient, from their files to the model folder: language models, taggers, classifiers, translators."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from seqcli.data.blocks import blocks
from seqcli.data.examples import Batch, IntArray
from seqcli.errors import Failure, UsageFailure
from seqcli.models.tagger import label_ids
from seqcli.training import journal

if TYPE_CHECKING:
    from seqcli.models.neural.tagger import Neural
    from seqcli.models.neural.words import Features
    from seqcli.training.recipe import Run
    from seqcli.training.task import Task

TAGGED = {".conllu", ".conll"}
Model = TypeVar("Model", bound="Neural")


@dataclass(frozen=True)
class Learned:
    """What a model folder is made of."""

    task: str
    hyper: Any
    scores: dict[str, float]
    size: dict[str, int]  # of the data
    parameters: dict[str, Any]
    tensors: Mapping[str, Any]
    files: dict[str, str]


@dataclass(frozen=True)
class Place:
    """Where a training keeps itself, and whom it tells."""

    state: Path
    resume: bool
    report: Callable[[str], None]

    def learn(self, task: Task, hyper: Any, about: Mapping[str, Any]) -> None:
        """The training itself."""
        from seqcli.training.loop import Trainer

        outcome = Trainer(task, hyper, self.state, self.report, about, self.resume).run()
        found = "".join(f", dev {name} {value:.4g}" for name, value in outcome.dev.items())
        self.report(f"{outcome.steps:,} steps in {outcome.seconds:.0f} s, ended by the {outcome.stopped}{found}")

    def journal(self) -> dict[str, str]:
        """For the model folder."""
        path = self.state / journal.NAME
        return {journal.NAME: path.read_text(encoding="utf-8")} if path.is_file() else {}


def first_process() -> bool:
    """Whether this process is the one that writes, under torchrun."""
    return os.environ.get("RANK", "0") == "0"


def head_of(run: Run, hyper: Any) -> str:
    """What is to be learned: as the recipe says, or by the look of the training data.

    Raises:
        Failure: the file cannot be read, or is empty.
    """
    if hyper.head:
        return str(hyper.head)
    name = Path(run.train[0])
    lines = next((block.lines()[:200] for block in blocks([name]) if block.data), [])
    if not any(lines):
        raise Failure(f"{name} is empty")
    tabs = [line.count("\t") for line in lines if line and not line.startswith("#")]
    if TAGGED & set(name.suffixes) or max(tabs, default=0) > 2 or (set(tabs) == {1} and "" in lines[:-1]):
        return "tags"
    return "class" if name.suffix == ".jsonl" or min(tabs, default=0) > 0 else "language"


def learn(run: Run, hyper: Any, place: Place) -> Learned:
    """Train the model that a run describes; its weights begin as the seed has it.

    Raises:
        UsageFailure: settings that cannot be.
        Failure: data that cannot be read, or gives nothing to learn; a training that diverges.
    """
    hyper = replace(hyper, head=head_of(run, hyper))
    hyper.check()
    if hyper.head == "translation":
        return learn_translation(run, hyper, place)
    if hyper.head != "language" and run.model == "gpt":
        raise UsageFailure(f"{run.model} is a language model", hint="seq train lstm learns tags and classes, too")
    import torch

    torch.manual_seed(hyper.seed)
    learners = {"language": learn_language, "class": learn_classes}
    return learners.get(hyper.head, learn_tags)(run, hyper, place)


def learn_language(run: Run, hyper: Any, place: Place) -> Learned:
    """A language model from text."""
    from seqcli.models.language_model import learn_codec
    from seqcli.models.neural.language import NeuralLanguageModel
    from seqcli.tasks.learning.language import Language

    if getattr(hyper, "bidirectional", False) or not hyper.layers:
        raise UsageFailure("a language model reads from left to right, in one layer or more", hint="--set bidirectional=false")
    codec = learn_codec(run.train, hyper, place.report)
    ids = {name: codec.stream(files) for name, files in files_of(run).items()}
    if share := held_out(run.dev):
        cut = int(len(ids["train"]) * (1 - share))
        ids["train"], ids["dev"] = ids["train"][:cut], ids["train"][cut:]
    model = NeuralLanguageModel(codec, hyper)
    place.report(f"{len(ids['train']):,} tokens, {count(model.module):,} weights")
    task = Language(model, ids["train"], ids.get("dev"))
    place.learn(task, hyper, {"model": run.model, "pieces": codec.size, "data": fingerprint(ids["train"])})
    scores: dict[str, float] = {}
    for name in ("dev", "test"):
        if name in ids:
            task.dev = ids[name]
            scores |= {f"{name} {metric}": round(value, 4) for metric, value in task.evaluate().items()}
    size = {"tokens": len(ids["train"]), "pieces": codec.size}
    return Learned("language modelling", hyper, scores, size, model.config(), model.tensors(), {**model.files(), **place.journal()})


def learn_tags(run: Run, hyper: Any, place: Place) -> Learned:
    """A tagger from sentences with gold tags."""
    from seqcli.models.neural.tagger import NeuralTagger
    from seqcli.tasks import tagging
    from seqcli.tasks.learning.labels import Tags

    parts = cut({name: tagging.read_tagged(files, run.column) for name, files in files_of(run).items()}, held_out(run.dev), hyper.seed)
    train = parts["train"]
    model = begin(NeuralTagger, train.tokens, labels_of(parts, place), hyper, place)
    about = {"model": run.model, "words": len(train.tokens), "labels": list(model.labels)}
    place.learn(Tags(model, train, parts.get("dev")), model.recipe, about)
    measured = {name: tagging.evaluate(model, part, set(train.tokens)) for name, part in parts.items() if name != "train"}
    size = {"sentences": len(train.lengths), "words": len(train.tokens)}
    files = {**model.files(), **place.journal()}
    return Learned("tagging", model.recipe, named(measured), size, model.config(), model.tensors(), files)


def learn_classes(run: Run, hyper: Any, place: Place) -> Learned:
    """A classifier from texts with gold labels."""
    from seqcli.models.neural.tagger import Classifier
    from seqcli.tasks import classification
    from seqcli.tasks.learning.labels import Classes

    parts = cut({name: classification.read(files, hyper.units) for name, files in files_of(run).items()}, held_out(run.dev), hyper.seed)
    train = parts["train"]
    model = begin(Classifier, train.tokens, labels_of(parts, place), hyper, place)
    about = {"model": run.model, "words": len(train.tokens), "labels": list(model.labels)}
    place.learn(Classes(model, train, parts.get("dev")), model.recipe, about)
    measured = {name: classification.evaluate(model, part) for name, part in parts.items() if name != "train"}
    size = {"texts": len(train.lengths), "words": len(train.tokens)}
    files = {**model.files(), **place.journal()}
    return Learned("classification", model.recipe, named(measured), size, model.config(), model.tensors(), files)


def learn_translation(run: Run, hyper: Any, place: Place) -> Learned:
    """A translator from parallel text."""
    import torch

    from seqcli.data import pairs
    from seqcli.models.neural.codecs import Codecs
    from seqcli.models.neural.translation import Translator
    from seqcli.tasks.learning.translation import Corpus, Translation

    texts = {name: pairs.read(*sides) for name, sides in run.sides().items()}
    if share := held_out(run.dev):
        texts["train"], texts["dev"] = texts["train"].cut(share)
    for name, found in texts.items():
        if found.one_sided:
            place.report(f"{name}: {found.told()}")
    codecs = Codecs.learn(run.src, run.tgt, hyper, place.report)
    torch.manual_seed(hyper.seed)
    model = Translator(codecs, hyper)
    parts = {name: Corpus(model, found, hyper.longest * (name == "train")) for name, found in texts.items()}
    train = parts["train"]
    if train.left_out:
        place.report(f"{train.left_out:,} pairs left out, a side of which has more than longest={hyper.longest} tokens")
    if not len(train):
        raise Failure(f"every pair has a side of more than longest={hyper.longest} tokens", hint="--set longest=…")
    size = {"pairs": len(train), "source tokens": int(train.source.lengths.sum()), "target tokens": int(train.target.lengths.sum())}
    place.report(f"{', '.join(f'{value:,} {what}' for what, value in size.items())}, {count(model.module):,} weights")
    task = Translation(model, train, parts.get("dev"))
    place.learn(task, hyper, {"model": run.model, **size, "pieces": [codecs.source.size, codecs.target.size]})
    scores: dict[str, float] = {}
    for name in ("dev", "test"):
        task.dev = parts.get(name)
        scores |= {f"{name} {metric}": round(value, 4) for metric, value in task.measured().items()}
    return Learned("translation", hyper, scores, size, model.config(), model.tensors(), {**model.files(), **place.journal()})


def labels_of(parts: Mapping[str, Batch], place: Place) -> Sequence[str]:
    """The labels of the training data; says which ones the other parts have besides.

    Raises:
        Failure: there is only one.
    """
    labels: Sequence[str] = label_ids(parts["train"].tags)[0]
    for name, part in parts.items():
        if unknown := sorted(set(part.tags) - set(labels)):
            place.report(f"{name}: labels that do not occur in training: {', '.join(unknown[:5])}{' …' * (len(unknown) > 5)}")
    return labels


def begin(kind: type[Model], tokens: Sequence[str], labels: Sequence[str], hyper: Any, place: Place) -> Model:
    """A model that has not learned, but for what the recipe has it begin with: an encoder, or vectors of words."""
    if hasattr(hyper, "pretrained"):
        model = on_encoder(kind, labels, hyper)
        place.report(f"{len(labels)} labels, {count(model.network):,} weights, the encoder's from {Path(hyper.pretrained).name}")
        return model
    from seqcli.models.neural.words import WordInputs, begin_with

    features, hyper, vectors = inputs(tokens, hyper)
    model = kind.of_words(features, labels, hyper)
    place.report(f"{len(labels)} labels, {count(model.network):,} weights")
    if vectors is not None:
        assert isinstance(model.network.inputs, WordInputs)
        known = begin_with(model.network.inputs, features, vectors)
        place.report(f"{known:,} words have ready vectors")
    return model


def on_encoder(kind: type[Model], labels: Sequence[str], hyper: Any) -> Model:
    """A model on the encoder of a folder, theirs or one of ours.

    Raises:
        Failure: there is no such folder, or no encoder of BERT's kind in it.
    """
    from seqcli.data import folder
    from seqcli.models.bert import checkpoint
    from seqcli.models.neural.pieces import Pieces
    from seqcli.models.neural.weights import load_weights

    found = folder.read(folder.find(hyper.pretrained))
    try:
        shape, weights = checkpoint.begun(found)
        model = kind.of_pieces(Pieces.load(found, shape, hyper.head), shape, labels, hyper)
        load_weights(model.network.get_submodule("encoder"), weights)
    except Failure as failure:
        if str(found.path) in failure.message:  # it says where already
            raise
        raise Failure(f"{found.path}: {failure}") from None
    return model


def named(measured: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The measures of all parts."""
    return {f"{name} {metric}": round(value, 2) for name, part in measured.items() for metric, value in part.items()}


def inputs(tokens: Sequence[str], hyper: Any) -> tuple[Features, Any, Any]:
    """What the model sees of words; the recipe, its embedding as wide as ready vectors that it begins with; these."""
    from seqcli.models.neural.words import Features

    vectors = None
    if hyper.vectors:
        from seqcli.data.vectors import open_vectors

        vectors = open_vectors(hyper.vectors)
        hyper = hyper if hyper.frozen else replace(hyper, embedding=vectors.dimensions)
    return Features.learn(tokens, hyper, vectors), hyper, vectors


def files_of(run: Run) -> dict[str, Sequence[str]]:
    """The files of each part of the data, where there are any."""
    parts = {"train": run.train, "dev": () if held_out(run.dev) else (run.dev,), "test": (run.test,)}
    return {name: files for name, files in parts.items() if any(files)}


def held_out(dev: str) -> float:
    """What share of the training data is for dev: where `--dev` is a percentage and not a file.

    >>> held_out("10%"), held_out("dev.txt")
    (0.1, 0.0)

    Raises:
        UsageFailure: a percentage that leaves nothing.
    """
    if not dev.endswith("%") or Path(dev).exists():
        return 0.0
    try:
        share = float(dev.removesuffix("%")) / 100
    except ValueError:
        return 0.0
    if not 0 < share < 1:
        raise UsageFailure(f"--dev {dev}: expected a file, or a percentage of the training data between 0 and 100")
    return share


def cut(parts: dict[str, Batch], share: float, seed: int) -> dict[str, Batch]:
    """Some of the training data as dev, drawn at random: a file may be sorted."""
    if not share:
        return parts
    whole = parts["train"]
    drawn = np.random.default_rng(seed).permutation(len(whole.lengths))
    count = max(1, round(len(drawn) * share))
    return parts | {"dev": taken(whole, np.sort(drawn[:count])), "train": taken(whole, np.sort(drawn[count:]))}


def taken(whole: Batch, some: IntArray) -> Batch:
    """Some sentences of a batch with their tags, of which there may be one a word or one a sentence."""
    words = list(whole.split(whole.tokens))
    by_word = len(whole.tags) == len(whole.tokens)
    tags = list(whole.split(whole.tags)) if by_word else [[tag] for tag in whole.tags]
    return Batch.of([words[i] for i in some], [tags[i] for i in some])


def fingerprint(data: Any) -> str:
    """Of the training data: a training goes on only with the same."""
    parts = [data.tobytes()] if isinstance(data, np.ndarray) else ["\0".join(each).encode() for each in (data.tokens, data.tags)]
    return blake2b(b"\n".join(parts), digest_size=8).hexdigest()


def count(module: Any) -> int:
    """Weights."""
    return sum(weight.numel() for weight in module.parameters())
