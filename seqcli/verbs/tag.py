"""`seq tag`: sequence in, labels out."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqcli.data.blocks import blocks
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, Progress, choose, note, nothing_to_read

if TYPE_CHECKING:
    from seqcli.data.folder import Folder
    from seqcli.models.tagger import Tagger
    from seqcli.tasks.tagging import Job
    from seqcli.text.segment import Segmenter

DEFAULT_MODEL = "en-pos"


def tag(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Files to tag; none, or -, is standard input.")] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="A shipped model (seq models), a folder, or auto.")] = DEFAULT_MODEL,
    target: Annotated[str, typer.Option("-f", "--format", help="Output: text, tsv, conllu or jsonl.")] = "",
    source: Annotated[str, typer.Option("--input", help="Input: text, conllu or jsonl. [by the file's name, else text]")] = "",
    pretokenized: Annotated[bool, typer.Option("--pretokenized", help="Words are separated by blanks, a sentence a line.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as -f jsonl.")] = False,
    proba: Annotated[bool, typer.Option("--proba", help="Add the posterior probability of each tag.")] = False,
    nbest: Annotated[int, typer.Option("--nbest", min=0, help="The N best taggings of each sentence (text, jsonl).")] = 0,
    fields: Annotated[str, typer.Option("--fields", help="Of upos, xpos, feats, lemma. [-f conllu: all; else upos]")] = "",
    decode: Annotated[str, typer.Option("--decode", help="viterbi (best path) or posterior (best tag each).")] = "viterbi",
    language: Annotated[str, typer.Option("--language", help="Rules that cut raw text, e.g. en. [the model's]")] = "",
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Neural models: bfloat16, faster on processors that have it, less exact.")
    ] = False,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=0, help="Processes; 0 is one a processor.")] = 1,
    errors: Annotated[str, typer.Option("--errors", help="Invalid UTF-8: strict or replace.")] = "strict",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes on standard error.")] = False,
) -> None:
    """Tag text: a part of speech, or whatever label the model learned, for every word; a classifier gives a line one label.

    Raw text is cut into sentences and words first; one line in is one line out. -m auto tags each line by the shipped model of
    its language.

    \b
        echo "The cat sat." | seq tag
        seq tag notes.txt -f conllu > notes.conllu
        seq tag notes.txt --fields upos,lemma
        seq tag treebank.conllu -m my-model
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    if nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring
    from seqcli.models.registry import CLASSIFICATION, NEURAL, open_labeller
    from seqcli.models.tagger import DECODE
    from seqcli.tasks import classification
    from seqcli.tasks.languages import AUTO, Auto, open_auto
    from seqcli.tasks.tagging import FORMATS, INPUTS, tagged
    from seqcli.workers import processors

    source = choose(source, INPUTS, "--input") if source else guess(files)
    if json and target not in ("", "jsonl"):
        raise UsageFailure(f"--json contradicts -f {target}")
    target = choose(target or ("jsonl" if json else "conllu" if source == "conllu" else "text"), FORMATS, "-f")
    choose(decode, DECODE, "--decode")
    choose(errors, ("strict", "replace"), "--errors")
    if nbest and target not in ("text", "jsonl"):
        raise UsageFailure(f"--nbest needs -f text or -f jsonl, not {target}")
    if target == "conllu" and source == "jsonl":
        raise UsageFailure("-f conllu needs text or CoNLL-U as input", hint="for JSON use -f jsonl")

    options = Options(
        fields=fields, language=language, pretokenized=pretokenized,
        source=source, target=target, decode=decode, proba=proba, nbest=nbest, errors=errors,
    )  # fmt: skip
    neural = False
    job: Job | classification.Job | Auto
    if model == AUTO:
        job = open_auto(options.open, source, target, errors, partial(note, quiet=quiet))
    else:
        folder, tagger = open_labeller(model)
        neural = folder.config["model"] in NEURAL
        if folder.config["task"] == CLASSIFICATION:
            refuse(("conllu output", target == "conllu"), ("CoNLL-U", source == "conllu"))
            refuse(("--nbest", bool(nbest)), ("--fields", bool(fields)))
            job = classification.Job(tagger, source, target, proba, errors)
        else:
            job = options.job(folder, tagger)
    jobs = jobs or processors()
    if bf16 and not neural:
        raise UsageFailure(f"--bf16 is for neural models, and {model} {'takes others' if model == AUTO else 'is none'}")
    if neural:
        import torch

        torch.set_num_threads(jobs)  # matrices large enough to share
        tagger.bf16, jobs = bf16, 1
    gc.freeze()  # what is loaded stays: collections look at the batch at hand only, and not too often
    gc.set_threshold(200_000)
    with Output(output) as out:
        for part in tagged(job, Progress(quiet).watch(blocks(files, job.separator)), jobs):
            out.write(part)


@dataclass(frozen=True)
class Options:
    """What was asked for, whatever the model."""

    fields: str
    language: str
    pretokenized: bool
    source: str
    target: str
    decode: str
    proba: bool
    nbest: int
    errors: str

    def open(self, model: str) -> Job:
        """The work that a tagger does, by its name."""
        from seqcli.models.registry import open_tagger

        return self.job(*open_tagger(model))

    def job(self, folder: Folder, tagger: Tagger) -> Job:
        """The work that a tagger does."""
        from seqcli.tasks.tagging import Job

        column = folder.config.get("column", "upos")
        told = choose_fields(self.fields, (column, *tagger.fields), self.target)
        if self.nbest and told != (column,):
            raise UsageFailure(f"--nbest is of {column} alone", hint="without --fields")
        return Job(
            tagger,
            None if self.pretokenized or self.source == "conllu" else self.segmenter(folder),
            source=self.source, target=self.target, column=column, fields=told,
            decode=self.decode, proba=self.proba, nbest=self.nbest, errors=self.errors,
        )  # fmt: skip

    def segmenter(self, folder: Folder) -> Segmenter:
        """What cuts raw text: the rules that were asked for, else what the model has learned, else the rules of its language."""
        from seqcli.text.segment import RuleSegmenter

        if "segmenter" in folder.config and not self.language:
            from seqcli.models import segmenter

            return segmenter.load(folder)
        return RuleSegmenter(self.language or folder.config.get("language", "en"))


def choose_fields(asked: str, known: tuple[str, ...], target: str) -> tuple[str, ...]:
    """What is told of every word: what was asked for; else all in CoNLL-U, and the tag alone elsewhere.

    Raises:
        UsageFailure: a field that the model does not know.
    """
    if not asked:
        return known if target == "conllu" else known[:1]
    found = tuple(dict.fromkeys(asked.replace(",", " ").split()))
    return tuple(choose(name, known, "--fields") for name in found) or known[:1]


def refuse(*what: tuple[str, bool]) -> None:
    """Raise UsageFailure for what a classifier has no answer to."""
    for name, asked in what:
        if asked:
            raise UsageFailure(f"{name}: this model gives a text one label, not a tag a word", hint="-f text, tsv or jsonl")


def guess(files: list[Path]) -> str:
    """The input format by the files' names."""
    names = {".conllu": "conllu", ".conll": "conllu", ".jsonl": "jsonl", ".json": "jsonl"}
    found = set()
    for file in files:
        suffixes = [suffix for suffix in file.suffixes if suffix not in (".gz", ".xz")]
        found.add(names.get(suffixes[-1], "text") if suffixes else "text")
    if len(found) > 1:
        raise UsageFailure(f"files of several kinds: {', '.join(sorted(found))}", hint="say which with --input")
    return found.pop() if found else "text"
