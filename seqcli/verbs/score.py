"""`seq score`: outputs beside references, numbers out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.data.blocks import check_readable
from seqcli.errors import UsageFailure
from seqcli.terminal import Output, choose, note, nothing_to_read

if TYPE_CHECKING:
    from seqcli.data.folder import Folder
    from seqcli.metrics import Request
    from seqcli.report.lengths import ByLength
    from seqcli.tasks.conditional import Conditional
    from seqcli.tasks.language import TextScorer
    from seqcli.tasks.likelihood import Likelihood

STDIN = Path("-")


def score(
    context: typer.Context,
    reference: Annotated[Path | None, typer.Argument(metavar="REF", show_default=False, help="What is right.")] = None,
    systems: Annotated[list[Path] | None, typer.Argument(metavar="HYP", help="Outputs; none is stdin.")] = None,
    *,
    more: Annotated[list[Path] | None, typer.Option("--ref", help="One more reference; may be repeated.")] = None,
    metric: Annotated[str, typer.Option("--metric", "--metrics", help="Only these, comma-separated, in this order.")] = "",
    model: Annotated[str, typer.Option("-m", "--model", help="Score the text of REF by a model.")] = "",
    source: Annotated[Path | None, typer.Option("--src", help="-m of a translator, --by-length: the sources of REF's lines.")] = None,
    engine: Annotated[str, typer.Option(help="-m of a translator: auto, ctranslate2 or torch, as of seq translate.")] = "auto",
    int8: Annotated[bool, typer.Option("--int8", help="-m of a translator: rounded to 8 bits, as of seq translate.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="-m: each line goes on after the one before it in its file.")] = False,
    by_line: Annotated[bool, typer.Option("--by-line", help="A row a segment.")] = False,
    by_length: Annotated[str, typer.Option(metavar="BINS", help="Also by words of a text: bins begin at 8,12,21 or are 5.")] = "",
    brief: Annotated[bool, typer.Option("-b", "--brief", help="One number alone: the first score.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON Lines: an object a system and metric.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also a page that compares the systems of a text.")] = None,
    width: Annotated[int, typer.Option("-w", "--width", min=0, max=12, help="Decimals.")] = 2,
    confidence: Annotated[bool, typer.Option("--confidence", help="95 % intervals of metrics of text.")] = False,
    paired: Annotated[str, typer.Option(help="Test systems against the first: bs (bootstrap), ar (randomization).")] = "",
    resamples: Annotated[int | None, typer.Option(min=0, help="Draws of a test [1000; ar: 10000]; 0: no intervals.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 12345,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=0, help="Processes; 0: as many as processors.")] = 0,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Case does not count: BLEU, chrF, WER, EM.")] = False,
    tokenize: Annotated[str, typer.Option(help="BLEU: 13a, none, char, intl, zh; slower: ja-mecab, ko-mecab, spm, flores200 …")] = "",
    smooth: Annotated[str, typer.Option(help="BLEU: exp, floor, add-k or none.")] = "",
    smooth_value: Annotated[float | None, typer.Option(help="BLEU: what floor and add-k add.")] = None,
    max_order: Annotated[int | None, typer.Option(min=1, max=9, help="BLEU: longest n-grams.")] = None,
    effective_order: Annotated[bool, typer.Option("--effective-order", help="BLEU: only orders that there are.")] = False,
    char_order: Annotated[int | None, typer.Option(min=1, max=12, help="chrF: longest character n-grams.")] = None,
    word_order: Annotated[int | None, typer.Option(min=0, max=6, help="chrF: longest word n-grams.")] = None,
    beta: Annotated[int | None, typer.Option(min=1, help="chrF: weight of recall.")] = None,
    whitespace: Annotated[bool, typer.Option("--whitespace", help="chrF: blanks count as characters.")] = False,
    eps_smoothing: Annotated[bool, typer.Option("--eps-smoothing", help="chrF: as chrF++.py smooths.")] = False,
    normalized: Annotated[bool, typer.Option("--normalized", help="TER: tokenize as Tercom does.")] = False,
    no_punct: Annotated[bool, typer.Option("--no-punct", help="TER, WER: punctuation does not count.")] = False,
    asian_support: Annotated[bool, typer.Option("--asian-support", help="TER: Asian characters apart.")] = False,
    case_sensitive: Annotated[bool, typer.Option("--case-sensitive", help="TER: case counts.")] = False,
    stem: Annotated[bool, typer.Option("--stem", help="ROUGE: Porter's stems.")] = False,
    unicode: Annotated[bool, typer.Option("--unicode", help="ROUGE: words of all scripts, not of ASCII only.")] = False,
    jackknife: Annotated[bool, typer.Option("--jackknife", help="ROUGE: mean over all references but one.")] = False,
    separator: Annotated[str, typer.Option(help="ROUGE-Lsum: what stands between sentences, as '<n>'.")] = "",
    align: Annotated[bool, typer.Option("--align", help="WER, CER, MER: --by-line with the alignment.")] = False,
    absent: Annotated[str | None, typer.Option(help="A line that says: this reference lacks the segment.")] = None,
    ref_column: Annotated[str, typer.Option(help="Column of REF with tabs: number or heading.")] = "",
    hyp_column: Annotated[str, typer.Option(help="Column of HYP with tabs: number or heading.")] = "",
    column: Annotated[str, typer.Option(help="Tags: upos, xpos, feats, lemma. Labels, values: number or heading.")] = "upos",
    train: Annotated[list[Path] | None, typer.Option(help="Tags: words not in it are unknown. mase: the history.")] = None,
    confusions: Annotated[int, typer.Option(min=0, help="How many confused pairs of tags to show.")] = 10,
    details: Annotated[bool, typer.Option("--details", help="Several systems: each in full, too.")] = False,
    scheme: Annotated[str, typer.Option(help="Spans strictly by IOB1, IOB2, IOE1, IOE2, IOBES or BILOU.")] = "",
    season: Annotated[int, typer.Option(min=1, help="mase: steps in a season (12: months of a year).")] = 1,
    errors: Annotated[str, typer.Option(help="Invalid UTF-8: strict or replace.")] = "strict",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A file, written whole or not at all.")] = None,
) -> None:
    """Score outputs against references: translations, summaries, speech, tags, labels, numbers.

    A line in REF belongs to the same line in HYP. Several HYP are several systems, the first is the baseline. The numbers of
    BLEU, chrF and TER are sacreBLEU's, with its signature; ROUGE's are rouge-score's, WER's jiwer's, spans' seqeval's.

    \b
        seq score ref.txt hyp.txt
        seq translate src.txt | seq score ref.txt --metric bleu,chrf++ --confidence
        seq score ref.txt baseline.txt ours.txt --paired bs --html compare.html
        seq score ref.txt hyp.txt --ref second.txt --metric bleu -b
        seq score ref.txt hyp.txt --metric ter --by-line | sort -n | head
        seq score ref.de lstm.de transformer.de --by-length 5 --src src.en --metric bleu --html compare.html
        seq score wmt21.xml hyp.txt; seq score test.tsv hyp.tsv --ref-column 2 --hyp-column out
        seq score gold.conllu system.conllu --train train.conllu

    \b
    Metrics:
        text    bleu  chrf  chrf++  ter  rouge (1, 2, L, Lsum)  rouge-3 …
                wer  cer  mer  em  bleu-rouge (F1 of both)      [bleu,chrf]
        tags    accuracy  accuracy/known  accuracy/unknown  accuracy/sentence
                macro-f1  f1 (every tag)  f1/NOUN  confusion
                words  tokens  sentences  upos (or xpos, feats, lemma: the --column)
        spans   span-f1  span-f1/PER  span-precision  span-recall  …
        labels  accuracy  macro-f1  micro-f1  weighted-f1  f1/LABEL  mcc
        values  pearson  spearman  mae  rmse  mse  smape  mase
        answers squad-em  squad-f1;  glue  glue/cola  glue/mrpc  …

    Files of tagged words (CoNLL-U; token, tab, tag) are known by their look. Where they cut a text differently they are
    aligned as in the CoNLL 2018 shared task. SQuAD's answers are its JSON, or a line each with tabs between right ones.

    BLEU is computed by sacreBLEU's own tokenizers, and so more slowly, for intl and zh (each distinct word once) and for
    ja-mecab, ko-mecab, spm, flores101, flores200 and spBLEU-1K (each line); TER's with --normalized, --no-punct or
    --asian-support; and TER as a whole for pairs that are long and very different. All else is ours.

    \b
    A model as the scorer: log-likelihood (nats), tokens and perplexity of each line; the sum, and bits a byte, at the end.
        seq score -m my-hmm text.txt
        seq score -m my-ngram text.txt --json | jq .tokens
        seq score -m my-lstm test.txt --stream -b --json
        seq score -m my-en-de --src text.en text.de
        seq translate -m my-en-de text.en --json | seq score -m my-en-de

    To a language model the end of a line is a token. A line is by itself, and a blank one is not scored; with --stream a file
    is one text, its blank lines too, which is how perplexities are published. -b prints the perplexity of a token alone.

    A translator scores targets given their sources, log P(target | source): lines beside those of --src, in the tokens that its
    vocabulary cuts them into; or, without --src, records of seq translate --json, in the tokens that they were written in.
    They have the log_prob again that the record says, by the same --engine and --int8.

    JSON objects have system, name, score, low and high (the interval), p_value, verbose_score, the parts of the signature
    and the signature; of tags the counts behind the score. Rows of --by-line for text are one number a metric and system;
    for tags: score, right tags, words, words of the system, line in REF and text, the system first where there are several.
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    if nothing_to_read([*([reference] if model and reference else []), *(systems or [])]):
        note(context.get_help())
        raise typer.Exit
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring
    from seqcli.metrics import Request

    show = Show(
        by_line=by_line, by_length=by_length, source=source, brief=brief, json=json, details=details, quiet=quiet, width=width,
        align=align,
    )  # fmt: skip
    if model:
        files = [file for file in (reference, *(systems or ())) if file is not None]
        score_text(Scoring(model, files, source, json, stream, errors, engine, int8, jobs), show, output)
        return
    if source is not None and not by_length:
        raise UsageFailure("--src is for a model that scores and for --by-length", hint="-m MODEL, or --by-length 5")
    if reference is None:
        raise UsageFailure("no reference named", hint="seq score REF [HYP]..., or -m MODEL TEXT")
    choose(errors, ("strict", "replace"), "--errors")
    if paired:
        choose(paired, ("bs", "ar"), "--paired")
    systems, train, more = systems or [STDIN], train or [], more or []
    check_files([reference, *more, *systems, *train, *([] if source is None else [source])])
    options = {
        "lowercase": lowercase,
        "tokenize": tokenize,
        "smooth": smooth,
        "smooth_value": smooth_value,
        "max_order": max_order,
        "effective_order": effective_order,
        "char_order": char_order,
        "word_order": word_order,
        "beta": beta,
        "whitespace": whitespace,
        "eps_smoothing": eps_smoothing,
        "normalized": normalized,
        "no_punct": no_punct,
        "asian_support": asian_support,
        "case_sensitive": case_sensitive,
        "stem": stem,
        "unicode": unicode,
        "jackknife": jackknife,
        "separator": separator,
    }  # fmt: skip  (as the fields of the metrics are called)
    request = Request(
        reference=reference,
        systems=systems,
        metrics=tuple(name if "/" in name else name.lower() for name in metric.replace(",", " ").split()),
        column=column,
        train=train,
        confusions=confusions,
        resamples=0 if brief or by_line else 1000 if resamples is None else resamples,
        trials=resamples or 0,
        seed=seed,
        errors=errors,
        scheme=scheme,
        season=season,
        more_references=more,
        reference_column=ref_column,
        system_column=hyp_column,
        absent=absent,
        options={name: value for name, value in options.items() if value not in (None, False, "")},
        confidence=confidence,
        paired=paired,
        jobs=jobs,
    )
    write(request, show, html, output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """How scores are told."""

    by_line: bool
    by_length: str
    source: Path | None
    brief: bool
    json: bool
    details: bool
    quiet: bool
    width: int
    align: bool


def write(request: Request, show: Show, html: Path | None, output: Path | None) -> None:
    """The scores, and the page that compares the systems."""
    from seqcli.metrics import by_line, evaluate, report

    if show.by_line and (html is not None or show.by_length):
        raise UsageFailure(f"--by-line and {'--by-length' if html is None else '--html'}: one at a time")
    lengths = bins(request, show)
    if show.by_line or show.align:
        with Output(output) as out:
            for lines in by_line(request, as_objects=show.json, width=show.width, align=show.align):
                out.write(lines.encode())
        return
    page = None
    if html is not None:
        from seqcli.report.gather import Gatherer

        page = Gatherer(request.reference.name, len(request.systems), request.absent, lengths)
    evaluations = evaluate(request, page or lengths)
    if lengths is not None:
        lengths.tell(evaluations)
    if show.brief:
        told = report.brief(evaluations, show.width)
    elif show.json:
        told = report.json_lines(evaluations)
    else:
        told = report.text(evaluations, show.details, show.width)
    for said in (said for evaluation in evaluations for said in evaluation.notes):
        note(f"seq score: {said}", show.quiet)
    with Output(output) as out:
        out.write("".join(f"{line}\n" for line in told).encode())
    if page is not None and html is not None:
        with Output(html) as out:
            out.write(page.page(evaluations).encode())


def bins(request: Request, show: Show) -> ByLength | None:
    """What keeps the scores by length, if they are asked for.

    Raises:
        UsageFailure: bins that cannot be, or of what has no length.
        Failure: the source cannot be read.
    """
    if not show.by_length:
        return None
    from seqcli.metrics import FAMILIES, family_of
    from seqcli.report.lengths import ByLength, bins_of

    chosen = bins_of(show.by_length)
    if family_of(request.metrics, request.reference) is not FAMILIES["text"]:
        raise UsageFailure("--by-length is for metrics of text", hint="bleu, chrf, ter, rouge, wer …: see --help")
    return ByLength(len(request.systems), chosen, show.source, request.absent, request.errors)


@dataclass(frozen=True, slots=True)
class Scoring:
    """A model as the scorer, and what it is to score."""

    model: str
    files: Sequence[Path]
    source: Path | None
    as_objects: bool
    stream: bool
    errors: str
    engine: str
    int8: bool
    jobs: int

    def __call__(self) -> tuple[Likelihood | TextScorer | Conditional, Iterator[bytes]]:
        """What scores lines by a translator, a language model, or a tagger that gives words a probability; and the rows of it."""
        from seqcli.data import folder
        from seqcli.data.blocks import blocks
        from seqcli.models import registry

        path = folder.find(self.model)
        config = folder.read_config(path)
        if self.stream and config["task"] != registry.LANGUAGE:
            raise UsageFailure("--stream is for language models", hint=f"{self.model} holds {config['model']!r}")
        if config["task"] == registry.TRANSLATION:
            return self.by_translator(path, config)
        if self.source is not None:
            raise UsageFailure("--src is for translators", hint=f"{self.model} holds {config['model']!r}")
        scorer: Likelihood | TextScorer
        if config["task"] == registry.LANGUAGE:
            from seqcli.tasks.language import TextScorer

            scorer = TextScorer(registry.load_language(folder.read(path)), self.as_objects, self.stream, self.errors)
        else:
            scorer = self.by_tagger(folder.read(path))
        return scorer, scorer(blocks(self.files, scorer.separator))

    def by_translator(self, path: Path, config: dict[str, Any]) -> tuple[Conditional, Iterator[bytes]]:
        """By a translator, in the engine that would translate with it."""
        from seqcli.data.blocks import blocks
        from seqcli.engines.choice import open_translator
        from seqcli.tasks.conditional import Conditional
        from seqcli.workers import processors

        if self.source is not None and len(self.files) > 1:
            raise UsageFailure(f"--src has the sources of one file, not of {len(self.files)}")
        choose(self.engine, ("auto", "torch", "ctranslate2"), "--engine")
        _, model = open_translator([path], self.engine, self.int8, {}, self.jobs or processors())
        learned = config.get("recipe", {}).get("positions") == "learned"
        scorer = Conditional(model, self.as_objects, self.errors, rigid=learned)
        if self.source is None:
            return scorer, scorer(blocks(self.files))
        return scorer, scorer.lines(self.source, self.files[0] if self.files else STDIN)

    def by_tagger(self, found: Folder) -> Likelihood:
        """By a tagger that gives words a probability."""
        from seqcli.models import registry
        from seqcli.tasks.likelihood import Likelihood
        from seqcli.tasks.tagging import Job
        from seqcli.text.segment import RuleSegmenter
        from seqcli.verbs.tag import guess

        source = guess(list(self.files))
        segmenter = None if source == "conllu" else RuleSegmenter(found.config.get("language", "en"))
        return Likelihood(Job(registry.load_tagger(found), segmenter, source=source, errors=self.errors), self.as_objects)


def score_text(ask: Scoring, show: Show, output: Path | None) -> None:
    """What a model makes of each line; the sum goes to standard error, or alone to the output when brief."""
    from json import dumps

    choose(ask.errors, ("strict", "replace"), "--errors")
    check_files([*(ask.files or [STDIN]), *([] if ask.source is None else [ask.source])])
    scorer, parts = ask()
    with Output(output) as out:
        for part in parts:
            if not show.brief:
                out.write(part)
        if show.brief:
            told = dumps(scorer.values()) if show.json else f"{scorer.perplexity:.4f}"
            out.write(f"{told}\n".encode())
        else:
            note(str(scorer), show.quiet)
    for said in getattr(scorer, "notes", ()):
        note(f"seq score: {said}", show.quiet)


def check_files(files: Sequence[Path]) -> None:
    """Refuse files that cannot be read before the first is."""
    if files.count(STDIN) > 1:
        raise UsageFailure("standard input can be read only once", hint="name files for all but one of REF, HYP, --ref, --train")
    for file in files:
        check_readable(file)
