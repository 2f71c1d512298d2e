"""One training run from its recipe to the model folder: check first, read, learn, measure, write whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcli import __version__
from seqcli.data import folder
from seqcli.data.blocks import blocks
from seqcli.errors import Failure, UsageFailure
from seqcli.models import registry
from seqcli.training import gradient
from seqcli.training.recipe import Run

if TYPE_CHECKING:
    from seqcli.data.examples import Batch
    from seqcli.models.segmenter import LearnedSegmenter
    from seqcli.models.tagger import Tagger

Report = Callable[[str], None]
CHECKPOINT = "checkpoint.safetensors"  # of a training that can go on
PATHS = ("clusters", "vectors", "units", "pretrained")  # settings that may name a place: its last part is what stays


def train(run: Run, hyper: Any, output: Path, force: bool, report: Report, resume: bool = False) -> None:
    """Train the model that `run` names with the hyper-parameters `hyper`, and write its folder.

    Raises:
        UsageFailure: `resume` of a model that keeps no state.
        Failure: the folder may not be written, the data cannot be read, there is nothing to learn, or a training was cut off.
    """
    folder.check_free(output, force)
    if (run.labels and run.model not in registry.TAGGERS) or (run.unlabelled and run.model != "crf"):
        raise UsageFailure(
            f"[labels] and [unlabelled] of a recipe are not for {run.model}", hint="they are for crf; [labels] for hmm, rules"
        )
    if run.silver and run.model != "crf":
        raise UsageFailure(f"silver of a recipe is not for {run.model}", hint="it is for crf")
    if run.model in registry.RESUMABLE:
        train_resumable(run, hyper, output, force, report, resume)
    elif resume:
        raise UsageFailure(f"{run.model} trains in one go and keeps nothing to go on with", hint="train it without --resume")
    else:
        kinds = dict.fromkeys(registry.TAGGERS, train_tagger) | dict.fromkeys(registry.TOKENIZERS, train_tokenizer)
        kinds |= {"ngram": train_ngram, "languages": train_languages}
        kinds.get(run.model, train_clusters)(run, hyper, output, force, report)
    if gradient.first_process():
        report(f"wrote {output}")


def train_resumable(run: Run, hyper: Any, output: Path, force: bool, report: Report, resume: bool) -> None:
    """A training that keeps its state beside the model's place until it is done: OUTPUT.resume."""
    state = output.with_name(f"{output.name}.resume")
    first = gradient.first_process()
    if first and not resume and (state / CHECKPOINT).exists():
        if not force:
            raise Failure(f"{state} holds a training that was cut off", hint="--resume goes on with it, --force begins anew")
        shutil.rmtree(state)
    if resume and not (state / CHECKPOINT).exists():
        report(f"nothing to go on with in {state}: training from the beginning")
    try:
        (train_vectors if run.model in registry.VECTORS else train_neural)(run, hyper, output, force, report, state, resume)
    except BaseException as error:
        if first and not (state / CHECKPOINT).exists():
            shutil.rmtree(state, ignore_errors=True)
        elif first and not isinstance(error, Failure):
            report("cut off: the same command with --resume goes on")
        raise
    if first:
        shutil.rmtree(state, ignore_errors=True)


def train_neural(run: Run, hyper: Any, output: Path, force: bool, report: Report, state: Path, resume: bool) -> None:
    """What learns by gradient: language models, taggers, classifiers; under torchrun several processes, the first of which writes."""
    found = gradient.learn(run, hyper, gradient.Place(state, resume, report))
    if not gradient.first_process():
        return
    for name, value in found.scores.items():
        report(f"{name} {value:.4f}")
    config = describe(run, found.task, found.hyper, found.scores, found.size) | {"parameters": found.parameters}
    folder.write(output, config, found.tensors, {folder.CARD: write_card(run, output.name, config), **found.files}, force)


def train_tagger(run: Run, hyper: Any, output: Path, force: bool, report: Report) -> None:
    """A tagger from sentences with gold tags."""
    from seqcli.tasks import conventions, tagging

    batch = conventions.read(run.train, run.column, run.labels, run.unlabelled)
    held_out = {
        name: conventions.held_out(file, run.column, run.labels) for name, file in (("dev", run.dev), ("test", run.test)) if file
    }
    report(f"{len(batch.lengths)} sentences, {len(batch.tokens)} words, {len(set(batch.tags))} tags")
    beside = {"silver": conventions.read(run.silver, run.column, {}, {})} if run.silver else {}
    for part in beside.values():
        report(f"{len(part.lengths)} sentences, {len(part.tokens)} words with tags of another tagger")
    tagger: Tagger = registry.module(run.model).train(batch, held_out.get("dev"), hyper, report, **beside)
    scores: dict[str, float] = {}
    if tagger.labels_of(batch):
        for name, part in held_out.items():
            found = tagging.evaluate(tagger, part, set(batch.tokens))
            report(f"{name}: " + ", ".join(f"{metric} {value:.2f}" for metric, value in found.items()))
            scores |= {f"{name} {metric}": value for metric, value in found.items()}
    size = size_of(batch) | {f"{name} words": len(part.tokens) for name, part in beside.items()}
    config = describe(run, "tagging", hyper, scores, size) | {"parameters": tagger.config()}
    tensors = dict(tagger.tensors())
    if run.segmenter:
        cut = learn_segmenter(run, report)
        config["segmenter"] = cut.config()
        tensors |= cut.tensors()
    card = write_card(run, output.name, config)
    folder.write(output, config, tensors, {folder.CARD: card, **tagger.files()}, force)


def learn_segmenter(run: Run, report: Report) -> LearnedSegmenter:
    """How the treebank of a run is cut.

    Raises:
        UsageFailure: the recipe asks for something else than `learned` or `unspaced`.
    """
    from seqcli.models import segmenter

    if run.segmenter not in segmenter.KINDS:
        raise UsageFailure(f"segmenter = {run.segmenter!r}", hint=f"one of {', '.join(segmenter.KINDS)}")
    return segmenter.train(segmenter.read(run.train), run.language, run.segmenter != segmenter.UNSPACED, report)


def train_clusters(run: Run, hyper: Any, output: Path, force: bool, report: Report) -> None:
    """Word clusters from text."""
    found = registry.module(run.model).train(lambda: sentences(run), hyper, report)
    config = describe(run, "clusters", hyper, {}, {"types": len(found.words)}) | {"parameters": found.config()}
    folder.write(output, config, found.tensors(), {folder.CARD: write_card(run, output.name, config)}, force)


def train_languages(run: Run, hyper: Any, output: Path, force: bool, report: Report) -> None:
    """What tells languages apart, from texts that are named LANGUAGE=FILE."""
    from seqcli.tasks.languages import by_language

    texts = by_language(run.train)
    found = registry.module(run.model).train(texts, hyper, report)
    config = describe(run, "languages", hyper, {}, {"languages": len(texts)}) | {"parameters": found.config()}
    folder.write(output, config, found.tensors(), {folder.CARD: write_card(run, output.name, config)}, force)


def train_tokenizer(run: Run, hyper: Any, output: Path, force: bool, report: Report) -> None:
    """A subword tokenizer from text, measured on the held-out text, or on the first lines of the training text."""
    from seqcli.text.subword import learn
    from seqcli.text.subword.library import Library

    files = {name: file for name, file in (("dev", run.dev), ("test", run.test)) if file}
    texts = {name: learn.read([file], str.split, whole=True).sample for name, file in files.items()}
    found = registry.module(run.model).train(run.train, hyper, report)
    tokenizer = Library.of(found.tokenizer, run.model)
    learn.check_special(tokenizer, hyper)
    report(f"{len(tokenizer.vocabulary):,} pieces" + (len(tokenizer.vocabulary) < hyper.vocab_size) * ": the text gives no more")
    scores: dict[str, float] = {}
    for name, lines in (texts or {"training": found.text.sample}).items():
        measured = {f"{name} {metric}": round(value, 4) for metric, value in learn.measure(tokenizer, lines).items()}
        report(", ".join(f"{metric} {value:.2f}" for metric, value in measured.items()))
        scores |= measured
    size = {"lines": found.text.lines, "distinct chunks": len(found.text.chunks)}
    parameters = {"pieces": len(tokenizer.vocabulary), "unknown": tokenizer.unknown}
    config = describe(run, "tokenization", hyper, scores, size) | {"parameters": parameters}
    card = write_card(run, output.name, config)
    folder.write(output, config, {}, {folder.CARD: card, "tokenizer.json": found.tokenizer}, force)


def train_ngram(run: Run, hyper: Any, output: Path, force: bool, report: Report) -> None:
    """A language model that is counted; held-out text is measured as a whole, the ends of its lines among the tokens."""
    from seqcli.tasks.language import measure

    model = registry.module(run.model).train(run.train, hyper, report)
    scores: dict[str, float] = {}
    for name, file in (("dev", run.dev), ("test", run.test)):
        if file:
            found = measure(model, [file])
            measured = {"perplexity": found.perplexity, "word perplexity": found.word_perplexity, "bits a byte": found.bits_per_byte}
            report(f"{name}: " + ", ".join(f"{metric} {value:.2f}" for metric, value in measured.items()))
            scores |= {f"{name} {metric}": round(value, 4) for metric, value in measured.items()}
    size = {"pieces": len(model.codec.pieces)}
    config = describe(run, registry.LANGUAGE, hyper, scores, size) | {"parameters": model.config()}
    folder.write(output, config, model.tensors(), {folder.CARD: write_card(run, output.name, config), **model.files()}, force)


def train_vectors(run: Run, hyper: Any, output: Path, force: bool, report: Report, state: Path, resume: bool) -> None:
    """Word vectors from text, asked what the held-out questions ask."""
    from seqcli.data.vectors import from_tensors, quantised
    from seqcli.tasks.vectors.evaluation import Analogies, evaluate

    found = registry.module(run.model).train(run.train, hyper, report, state, resume)
    vectors = from_tensors(found.tensors(), {"parameters": found.config()})
    vectors = quantised(vectors) if hyper.int8 else vectors
    scores: dict[str, float] = {}
    for name, file in (("dev", run.dev), ("test", run.test)):
        if file:
            asked = evaluate(vectors, Path(file))
            scores |= {f"{name} {Path(file).name}": round(asked.score if isinstance(asked, Analogies) else 100 * asked.score, 2)}
    config = describe(run, "vectors", hyper, scores, {"words": found.words, "types": len(found.vocabulary)})
    config |= {"parameters": found.config()}
    folder.write(output, config, vectors.tensors(), {folder.CARD: write_card(run, output.name, config)}, force)


def sentences(run: Run) -> Iterator[Sequence[str]]:
    """The words of every sentence of raw text, CoNLL-U or `token<TAB>tag` files, by the file's name."""
    from seqcli.data.examples import Batch
    from seqcli.tasks import tagging
    from seqcli.text.segment import RuleSegmenter

    segmenter = RuleSegmenter(run.language)
    for name in run.train:
        if {".conllu", ".conll", ".tsv"} & set(Path(name).suffixes):
            yield from (words for words, _ in tagging.read_file(Path(name), "upos") if words)
            continue
        for block in blocks([Path(name)]):
            found = segmenter.segment(block.lines())
            yield from Batch(found.tokens, found.lengths, found.sentences).split(found.tokens)


def size_of(batch: Batch) -> dict[str, int]:
    """For the configuration."""
    return {"sentences": len(batch.lengths), "words": len(batch.tokens)}


def describe(run: Run, task: str, hyper: Any, scores: dict[str, float], size: dict[str, int]) -> dict[str, Any]:
    """What `config.json` says of every model."""
    return {
        "model": run.model,
        "task": task,
        "version": 1,
        "seqcli": __version__,
        **({"column": run.column} if task == registry.TAGGING else {}),
        "language": run.language,
        "licence": run.licence or "that of its training data",
        "trained_on": {"files": [Path(name).name for name in run.files], **size},
        "recipe": {key: Path(value).resolve().name if value and key in PATHS else value for key, value in asdict(hyper).items()},
        "scores": scores,
    }


def write_card(run: Run, name: str, config: dict[str, Any]) -> str:
    """The model's README: data, licence, recipe, measured scores, limits."""
    about = (registry.module(run.model).__doc__ or "").strip().splitlines()[0]
    size = ", ".join(f"{value:,} {unit}" for unit, value in config["trained_on"].items() if unit != "files")
    parts = [
        f"# {name}\n\n{about}\n",
        f"## Data\n\n{run.data or 'Files: ' + ', '.join(config['trained_on']['files'])}\n\n{size}.\n",
        f"## Licence\n\n{config['licence']}\n",
        "## Recipe\n\n" + section(f"`{key}` = {json.dumps(value)}" for key, value in {"model": run.model, **config["recipe"]}.items()),
        "## Measured\n\n" + (section(f"{key}: {value:.2f}" for key, value in config["scores"].items()) or "Not measured.\n"),
        f"## Limits\n\n{run.limits or 'Not stated.'}\n",
    ]
    return "\n".join(parts)


def section(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "".join(f"- {line}\n" for line in lines)
