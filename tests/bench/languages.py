"""Other languages: taggers against python-crfsuite trained on the same data, raw text cut by what was learned and by rules, `-m auto`.

`python -m tests.bench languages [fr]...` measures the models in build/ (seq train fr-pos.toml -o build/fr-pos …), else the shipped
ones. Test sentences that occur in train are left out everywhere.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqcli.data import conllu, folder
from seqcli.data.examples import Batch
from seqcli.models import languages, segmenter
from seqcli.models.registry import open_tagger
from seqcli.tasks.languages import UNSPACED, read_lines
from seqcli.tasks.tagging import Job, read_tagged
from tests.bench import crfsuite_tagger
from tests.bench.harness import DATA, ROOT, SEQ, WORK, functions, table

TREEBANKS = {"fr": "fr_sequoia", "pt": "pt_bosque", "nl": "nl_lassysmall", "ru": "ru_taiga", "it": "it_twittiro", "ko": "ko_gsd",
             "zh": "zh_gsd"}  # fmt: skip
LINES = {**TREEBANKS, "en": "en_ewt", "de": "de_gsd", "es": "es_gsd"}  # where the lines for -m auto come from
UNTOLD = ("nl",)  # languages whose treebank does not say where blanks stand
RENAMED = {"CONJ": "CCONJ"}  # tags of UD version 1
DOCUMENT = 10  # sentences that make a line of raw text
WORDS = 5  # that a line for -m auto has, or characters per word of Chinese


def main() -> None:
    """The three tables."""
    WORK.mkdir(parents=True, exist_ok=True)
    chosen = [name for name in sys.argv[1:] if name in TREEBANKS] or list(TREEBANKS)
    against_crfsuite(chosen)
    from_raw_text([name for name in chosen if name not in UNTOLD])
    recognised()


def model(name: str) -> str:
    """The folder of a model that was just trained, else its shipped name."""
    return str(ROOT / "build" / name) if (ROOT / "build" / name).is_dir() else name


def treebank(language: str, part: str) -> Path:
    """One file of a treebank."""
    return DATA / "ud" / LINES[language] / f"{part}.conllu.gz"


def unseen(language: str) -> tuple[Batch, set[str]]:
    """The test sentences that do not occur in train, and the words that do."""
    train, test = (read_tagged([str(treebank(language, part))], "upos") for part in ("train", "test"))
    seen = {tuple(words) for words in train.split(train.tokens)}
    both = zip(test.split(test.tokens), test.split(test.tags), strict=True)
    kept = [(words, tags) for words, tags in both if tuple(words) not in seen]
    tags = [[RENAMED.get(tag, tag) for tag in tags] for _, tags in kept]
    return Batch.of([words for words, _ in kept], tags), set(train.tokens)


def peer(language: str) -> Path:
    """python-crfsuite's model, trained the first time."""
    path = WORK / f"{language}.crfsuite"
    if not path.exists():
        batch = read_tagged([str(treebank(language, "train"))], "upos")
        crfsuite_tagger.train(list(zip(batch.split(batch.tokens), batch.split(batch.tags), strict=True)), path)
    return path


def against_crfsuite(chosen: Sequence[str]) -> None:
    """UPOS on the test sentences, gold words."""
    rows = []
    for language in chosen:
        batch, known = unseen(language)
        name = model(f"{language}-pos")
        job = Job(open_tagger(name)[1], None)
        tag_theirs = partial(tag_by_peer, crfsuite_tagger.tagger(peer(language)), list(batch.split(batch.tokens)))
        cost = functions(3, {"ours": partial(job.tag, batch), "crfsuite": tag_theirs})
        fresh = np.array([word not in known for word in batch.tokens])
        scores = []
        for found in (job.tag(batch).tags(), tag_theirs()):
            right = np.array([a == b for a, b in zip(found, batch.tags, strict=True)])
            scores += [100 * right.mean(), 100 * right[fresh].mean()]
        weights = folder.find(name) / folder.WEIGHTS
        rows.append([
            language, f"{scores[0]:.2f}", f"{scores[2]:.2f}", f"{scores[0] - scores[2]:+.2f}", f"{scores[1]:.2f}", f"{scores[3]:.2f}",
            f"{weights.stat().st_size / 1e6:.2f} MB", f"{peer(language).stat().st_size / 1e6:.2f} MB",
            f"{cost['crfsuite'].seconds / cost['ours'].seconds:.1f} ×",
        ])  # fmt: skip
    table(
        "UPOS on the test sentences that do not occur in train, gold words",
        ["", "ours", "crfsuite", "difference", "unknown words: ours", "crfsuite", "size: ours", "crfsuite", "speed"],
        rows,
    )


def tag_by_peer(peer: Any, sentences: Sequence[Sequence[str]]) -> list[str]:
    """The tags of python-crfsuite."""
    found: list[str] = []
    for words in sentences:
        found += peer.tag([crfsuite_tagger.features(words, i) for i in range(len(words))])
    return [RENAMED.get(tag, tag) for tag in found]


def from_raw_text(chosen: Sequence[str]) -> None:
    """Words, sentences and UPOS from raw text, cut as learned and by rules; ten sentences of the treebank are a line."""
    rows = []
    for language in chosen:
        train = {tuple(sentence.column("form")) for sentence in segmenter.read([str(treebank(language, "train"))])}
        test = [s for s in segmenter.read([str(treebank(language, "test"))]) if tuple(s.column("form")) not in train]
        gold, raw, out = (WORK / f"{language}-test.{kind}" for kind in ("gold.conllu", "txt", "conllu"))
        gold.write_text("".join("\n".join(sentence.lines) + "\n\n" for sentence in test).replace("\tCONJ\t", "\tCCONJ\t"))
        raw.write_text("".join(f"{line}\n" for line in documents(test, language not in UNSPACED)))
        for how, options in (("learned", []), ("rules", ["--language", language])):
            with out.open("wb") as stream:
                command = [SEQ, "tag", str(raw), "-m", model(f"{language}-pos"), "-f", "conllu", *options]
                subprocess.run(command, stdout=stream, check=True)
            metrics = ("words", "sentences", "upos")
            rows.append([language, how, *(score(gold, out, metric) for metric in metrics)])
    table("From raw text, F1", ["", "cut", "words", "sentences", "UPOS"], rows)


def score(gold: Path, found: Path, metric: str) -> str:
    """One metric of `seq score`."""
    command = [SEQ, "score", str(gold), str(found), "--metric", metric, "-b", "-q"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def documents(sentences: Sequence[conllu.Sentence], spaced: bool) -> Iterator[str]:
    """Lines of raw text."""
    for start in range(0, len(sentences), DOCUMENT):
        tokens = [token for sentence in sentences[start : start + DOCUMENT] for token in segmenter.tokens_of(sentence, spaced)]
        yield "".join(token.form + " " * token.blank for token in tokens).strip()


def recognised() -> None:
    """Percent of test lines of five words or more whose language is found: each line by itself, and the lines of all shuffled."""
    found = languages.load(folder.read(folder.find(model("languages"))))
    lines: list[tuple[str, str]] = []
    for language in LINES:
        between = "" if language in UNSPACED else " "
        texts = [text for run in read_lines([treebank(language, "test")], between) for text in run]
        long = [text for text in texts if len(text) >= 2 * WORDS] if not between else [t for t in texts if len(t.split()) >= WORDS]
        lines += [(language, text) for text in long]
    alone = np.array([found.of([text])[0] == language for language, text in lines])
    order = np.random.default_rng(1).permutation(len(lines)).tolist()
    shuffled = np.empty(len(lines), np.bool_)
    shuffled[order] = [a == lines[i][0] for a, i in zip(found.of([lines[i][1] for i in order]), order, strict=True)]
    whose = np.array([language for language, _ in lines])
    rows = [
        [name, f"{int(here.sum())}", f"{100 * alone[here].mean():.2f}", f"{100 * shuffled[here].mean():.2f}"]
        for name, here in [(name, whose == name) for name in LINES] + [("all", np.ones(len(lines), np.bool_))]
    ]
    table("Lines whose language is found, percent", ["", "lines", "each alone", "among lines of all, shuffled"], rows)


if __name__ == "__main__":
    main()
