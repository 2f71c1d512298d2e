"""`seq embed`: words and lines in, vectors out; and questions to word vectors."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqcli.data.blocks import blocks, check_readable
from seqcli.errors import Failure, UsageFailure
from seqcli.terminal import Output, Progress, choose, note, nothing_to_read

if TYPE_CHECKING:
    from seqcli.data.blocks import Block
    from seqcli.data.vectors import Vectors
    from seqcli.report.scatter import Picture
    from seqcli.tasks.vectors.lines import Lines
    from seqcli.tasks.vectors.questions import Answers
    from seqcli.tasks.vectors.words import Words

DEFAULT_MODEL = "en-vectors"
TOP = 10
RAW = ("--pool", "--fit", "--input", "--pretokenized", "--language")  # how lines are read
OUT = ("--json", "-o")
ALLOWED = {
    "": (*RAW, *OUT, "--words", "-f", "--normalize"),
    "--near": (*OUT, "--top", "--limit"),
    "--similarity": (*OUT, "--limit"),
    "--analogy": (*OUT, "--top", "--method", "--limit", "--plot"),
    "--odd-one-out": (*OUT, "--limit"),
    "--search": (*RAW, *OUT, "--top"),
    "--evaluate": (*OUT, "--method", "--limit"),
    "--bias": (*OUT, "--pairs", "--method"),
    "--weat": OUT,
    "--debias": (*OUT, "--pairs", "--method", "--equalize", "--specific", "--strength", "--evaluate", "--limit", "--force"),
    "--plot": ("--words", "--tsne", "--limit"),
}
READS = ("", "--search", "--plot")  # files or standard input
WIDE = ("--evaluate", "--debias", "--plot")  # large matrices, which are worth threads


def embed(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Files of lines; none, or -, is standard input.")] = None,
    model: Annotated[str, typer.Option("-m", "--model", help="A shipped model (seq models) or a folder.")] = DEFAULT_MODEL,
    *,
    words: Annotated[bool, typer.Option("--words", help="A vector for each word rather than each line.")] = False,
    pool: Annotated[str, typer.Option("--pool", help="Of a line's words: mean, max, sif or first. [mean; --search: sif]")] = "",
    target: Annotated[
        str, typer.Option("-f", "--format", help="jsonl, tsv, npy, word2vec, word2vec-bin or glove. [by -o's name, else jsonl]")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="JSON Lines, of answers, too.")] = False,
    normalize: Annotated[bool, typer.Option("--normalize", help="Vectors of length 1.")] = False,
    fit: Annotated[Path | None, typer.Option("--fit", help="sif: lines whose common part is taken out. [of words]")] = None,
    source: Annotated[str, typer.Option("--input", help="Input: text or jsonl. [by the file's name, else text]")] = "",
    pretokenized: Annotated[bool, typer.Option("--pretokenized", help="Words are separated by blanks.")] = False,
    language: Annotated[str, typer.Option("--language", help="Rules that cut raw text, e.g. en. [the model's]")] = "",
    near: Annotated[str | None, typer.Option("--near", metavar="WORD", help="The words nearest to this one.")] = None,
    similarity: Annotated[tuple[str, str] | None, typer.Option("--similarity", metavar="A B", help="The cosine of two words.")] = None,
    analogy: Annotated[str | None, typer.Option("--analogy", metavar='"A B C"', help="What is to C as B is to A?")] = None,
    odd: Annotated[str | None, typer.Option("--odd-one-out", metavar='"A B C"', help="Which word fits least?")] = None,
    query: Annotated[str | None, typer.Option("--search", metavar="QUERY", help="The lines nearest in meaning.")] = None,
    evaluate: Annotated[
        list[Path] | None,
        typer.Option("--evaluate", metavar="FILE", help="Ask what FILE asks, with --debias before and after; repeatable."),
    ] = None,
    bias: Annotated[
        str | None, typer.Option("--bias", metavar="WORDS", help="How far words lie along a bias; @FILE, or - (stdin).")
    ] = None,
    weat: Annotated[str | None, typer.Option("--weat", metavar="NAME|FILE", help="Tests of association; all: those there are.")] = None,
    debias: Annotated[str | None, typer.Option("--debias", metavar="hard|soft", help="A new model (-o) without the bias.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", metavar="FILE", help="Draw words, or an analogy: .html, .svg or .png.")] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="How many answers. [10]")] = None,
    method: Annotated[str, typer.Option("--method", help="Analogies: cosadd or cosmul. Bias: pca, svd or mean. [cosadd; pca]")] = "",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Questions: only the N most frequent words.")] = None,
    pairs: Annotated[Path | None, typer.Option("--pairs", help="Bias: pairs of words that differ in it. [of gender]")] = None,
    equalize: Annotated[
        Path | None, typer.Option("--equalize", help="hard: sets to differ in the bias alone. [gender's, or --pairs]")
    ] = None,
    specific: Annotated[
        Path | None, typer.Option("--specific", help="--debias: words that keep the bias. [gender's, or those of --pairs]")
    ] = None,
    strength: Annotated[float | None, typer.Option("--strength", help="soft: more takes more of the bias. [0.2]")] = None,
    force: Annotated[bool, typer.Option("--force", help="--debias: replace a model folder that exists.")] = False,
    tsne: Annotated[bool, typer.Option("--tsne", help="--plot: neighbours stay neighbours. [principal components]")] = False,
    errors: Annotated[str, typer.Option("--errors", help="Invalid UTF-8: strict or replace.")] = "strict",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file (--debias: a model folder), written whole or not at all.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes on standard error.")] = False,
) -> None:
    """Turn words or lines into vectors; ask them questions.

    A line becomes one vector, made of its words': raw text is cut into words first, in lower case if the model's words are. A blank
    line, and one of unknown words, is all zeros. With --words, every word between blanks has a record of its own.

    \b
        echo "The cat sat." | seq embed
        echo king | seq embed --words -f tsv
        seq embed notes.txt --pool sif -f npy -o notes.npy

    \b
    Questions, one at a time:
        seq embed --near king --top 5
        seq embed --similarity tea coffee
        seq embed --analogy "man king woman"
        seq embed --odd-one-out "breakfast cereal dinner lunch"
        seq embed notes.txt --search "feline animals"
        seq embed -m my-vectors --evaluate questions-words.txt --evaluate wordsim.tsv

    \b
    Bias, of gender unless --pairs FILE (a pair a line, or JSON) says otherwise:
        seq embed --bias "nurse engineer doctor"
        cut -f 1 jobs.tsv | seq embed --bias - --pairs pairs.tsv --method svd
        seq embed --weat career-family-pairs; seq embed --weat my-tests.json
        seq embed --debias hard -o fair --evaluate questions-words.txt
        seq embed --debias soft --strength 0.5 --specific keep.txt -o fair
        seq embed --debias hard --pairs pairs.tsv --equalize sets.json -o fair --force

    \b
    Pictures, of lines `word` or `word<TAB>group`; with --words, of all words of a line:
        seq embed words.tsv --plot words.html
        seq embed words.tsv --plot words.png --tsne
        echo "king queen man woman" | seq embed --words --plot words.svg
        seq embed --analogy "man king woman" --plot analogy.svg

    Pooling by sif weighs a word by 0.001 / (0.001 + its frequency) and takes out what all lines have in common. That comes from the
    model's words, so that no line waits for others, or from the lines of --fit FILE.

    Where blanks separate the fields of the output, those inside a line become _. The header of npy and word2vec says how many rows
    there are: these formats begin when the input has ended.

    A projection is a cosine, above 0 on the side of the first words of the pairs (gender's: female). A test of association (WEAT) is
    a name (career-family, career-family-pairs, math-arts, science-arts, flowers-insects, instruments-weapons) or a JSON file. --debias
    makes all words neutral but the specific ones, and prints what was measured before and after.
    """  # noqa: D301  (Typer keeps the lines of a paragraph that begins with a backspace)
    files = files or []
    questions: dict[str, Any] = {
        "--near": near, "--similarity": similarity, "--analogy": analogy, "--odd-one-out": odd, "--search": query,
        "--evaluate": evaluate, "--bias": bias, "--weat": weat, "--debias": debias, "--plot": plot,
    }  # fmt: skip
    options: dict[str, Any] = {
        "--words": words, "--pool": pool, "-f": target, "--normalize": normalize, "--fit": fit, "--input": source,
        "--pretokenized": pretokenized, "--language": language, "--top": top, "--method": method, "--limit": limit,
        "--pairs": pairs, "--equalize": equalize, "--specific": specific, "--strength": strength, "--force": force,
        "--tsne": tsne, "--json": json, "-o": output,
    }  # fmt: skip
    question = check(
        [name for name, value in questions.items() if value is not None],
        [name for name, value in options.items() if not (value is None or value is False or value == "")],
        files,
    )
    choose(errors, ("strict", "replace"), "--errors")
    if (question in READS or "-" in (bias, weat)) and nothing_to_read(files):
        note(context.get_help())
        raise typer.Exit
    for file in [*files, *(evaluate or []), *filter(None, [fit, pairs, equalize, specific])]:
        check_readable(file)
    if question not in WIDE:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring
    if question not in ("", "--search"):
        given = questions | options | {"-m": model, "FILE": files, "--errors": errors, "-q": quiet}
        with Output(output if question != "--debias" else None) as out:
            for line in ANSWERS.get(question, answers)(question, given):
                out.write(f"{line}\n".encode("utf-8", "backslashreplace"))
        return
    from seqcli.data.vectors.writing import FORMATS, by_name, write

    if json and target not in ("", "jsonl"):
        raise UsageFailure(f"--json contradicts -f {target}")
    kind = choose(target or ("" if json else by_name(output)) or "jsonl", FORMATS, "-f")
    job: Lines | Words
    if words:
        job = word_reader(model, files, source, errors)
    else:
        pool = pool or ("mean" if query is None else "sif")
        job = line_reader(model, pool, guess(files, source), not pretokenized, language, fit, errors)
    job.normalize = normalize
    gc.freeze()  # what is loaded stays: collections look at the batch at hand only, and not too often
    read = Progress(quiet).watch(blocks(files))
    with Output(output) as out:
        for part in write(kind, job(read), job.dimensions) if query is None else hits(job, query, read, top or TOP, json):
            out.write(part)
    for line in job.notes():
        note(f"seq embed: {line}", quiet)


def check(asked: Sequence[str], given: Sequence[str], files: Sequence[Path]) -> str:
    """The question among those asked; the others are options of it.

    Raises:
        UsageFailure: options that contradict each other.
    """
    question = next((name for name in asked if {*asked} <= {name, *ALLOWED[name]}), asked[0] if asked else "")
    for name in asked:
        if name not in (question, *ALLOWED[question]):
            raise UsageFailure(f"{question} contradicts {name}", hint="one question at a time")
    for name in given:
        if name not in ALLOWED[question]:
            fits = [other for other, allowed in ALLOWED.items() if name in allowed and other]
            raise UsageFailure(f"{name} contradicts {question}" if question else f"{name} is for {', '.join(fits)}")
    if files and question not in READS:
        raise UsageFailure(f"{question} reads no lines", hint=f"what is {files[0]} for? A model is named by -m")
    wrong = [name for name in given if name in RAW and name != "--input"]
    if "--words" in given and wrong:
        raise UsageFailure(f"--words contradicts {wrong[0]}")
    if question == "--debias" and "-o" not in given:
        raise UsageFailure("--debias writes a model folder", hint="-o names it")
    if question == "--debias" and "--limit" in given and "--evaluate" not in asked:
        raise UsageFailure("--limit of --debias is for --evaluate")
    return question


def answers(question: str, given: Mapping[str, Any]) -> Iterator[str]:
    """What the vectors answer, line by line."""
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.vectors import questions as ask
    from seqcli.tasks.vectors import telling

    value, top, limit, json = given[question], given["--top"] or TOP, given["--limit"] or 0, given["--json"]
    method = choose(given["--method"] or "cosadd", ask.METHODS, "--method")
    if question == "--analogy":
        ask.check_analogy(value.split())
    vectors = open_vectors(given["-m"])
    if question == "--evaluate":
        from seqcli.tasks.vectors.evaluation import evaluate

        yield from telling.evaluations([evaluate(vectors, path, limit, method) for path in value], json)
        return
    vectors = vectors.limited(limit)
    if question == "--near":
        yield from telling.words(ask.near(vectors, value, top), json)
    elif question == "--analogy":
        found = ask.analogy(vectors, value.split(), top, method)
        if given["--plot"] is not None:
            draw_analogy(vectors, value.split(), found, given["--plot"])
        yield from telling.words(found, json)
    elif question == "--odd-one-out":
        yield from telling.words(ask.odd_one_out(vectors, value.split()), json)
    else:
        yield telling.pair(value, ask.similarity(vectors, *value), json)


def bias_of_words(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Words along a direction."""
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.bias.directions import METHODS
    from seqcli.tasks.vectors import bias

    method = choose(given["--method"] or METHODS[0], METHODS, "--method")
    words, pairs = bias.list_of(given["--bias"]), bias.pairs_of(given["--pairs"])
    found = bias.project(open_vectors(given["-m"]), words, pairs, method)
    for line in [*found.notes, *bias.tell_direction(found.along)]:
        note(f"seq embed: {line}", given["-q"])
    yield from bias.tell_projections(found, given["--json"])


def association(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Tests of association."""
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.vectors import bias

    tests = bias.tests_of(given["--weat"])
    found, left_out = bias.associate(open_vectors(given["-m"]), tests)
    for line in left_out:
        note(f"seq embed: left out: {line}", given["-q"])
    yield from bias.tell_tests(found, given["--json"])


def debiased(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    """A new model folder, and what is measured before and after."""
    from seqcli.data import folder
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.bias.directions import METHODS
    from seqcli.tasks.vectors import debiasing

    kind = choose(given["--debias"], debiasing.KINDS, "--debias")
    method = choose(given["--method"] or METHODS[0], METHODS, "--method")
    folder.check_free(given["-o"], given["--force"])
    wanted = debiasing.plan(kind, given["--pairs"], given["--specific"], given["--equalize"], method, given["--strength"])
    vectors = open_vectors(given["-m"])
    found = debiasing.repair(vectors, wanted, given["--evaluate"] or [], given["--limit"] or 0)
    debiasing.save(found, given["-o"], given["-m"], given["--force"])
    yield from debiasing.tell(found, given["-o"], given["--json"])


def picture_of_words(_: str, given: Mapping[str, Any]) -> Iterator[str]:
    """Chosen words, drawn."""
    from seqcli.data import folder
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.vectors import pictures

    suffix = pictures.check(given["--plot"])
    vectors = open_vectors(given["-m"]).limited(given["--limit"] or 0)
    words = pictures.read_words(given["FILE"], given["--errors"], given["--words"])
    title = f"Words of {folder.find(given['-m']).resolve().name}"
    method = "tsne" if given["--tsne"] else "pca"
    watch = steps(given["-q"])
    picture, notes = pictures.of_words(vectors, words, title, method, suffix != ".png", watch)
    if watch is not None:
        sys.stderr.write("\r\x1b[K")
    write_picture(picture, given["--plot"])
    for line in notes:
        note(f"seq embed: {line}", given["-q"])
    yield from ()


def draw_analogy(vectors: Vectors, words: Sequence[str], found: Answers, path: Path) -> None:
    """An analogy with its best answer."""
    from seqcli.tasks.vectors import pictures

    suffix = pictures.check(path)
    if not found:
        raise Failure("there is no answer to draw", hint="all words of the vocabulary are asked about")
    write_picture(pictures.of_analogy(vectors, words, found[0][0], suffix != ".png"), path)


def write_picture(picture: Picture, path: Path) -> None:
    """A picture, whole or not at all."""
    from seqcli.report.vectors import form, render

    with Output(path) as out:
        out.write(render(picture, form(path)))


def steps(quiet: bool) -> Callable[[int, float], None] | None:
    """Tells how far t-SNE is, on a terminal."""
    if quiet or not sys.stderr.isatty():
        return None

    def tell(step: int, divergence: float) -> None:
        sys.stderr.write(f"\rt-SNE: step {step}, divergence {divergence:.3f} \x1b[K")

    return tell


ANSWERS = {"--bias": bias_of_words, "--weat": association, "--debias": debiased, "--plot": picture_of_words}


def word_reader(model: str, files: Sequence[Path], source: str, errors: str) -> Words:
    """What turns words into vectors."""
    from seqcli.data.vectors import open_vectors
    from seqcli.tasks.vectors.words import Words

    if guess(files, source) != "text":
        raise UsageFailure("--words reads text", hint="not JSON")
    return Words(open_vectors(model), errors)


def line_reader(model: str, pool: str, source: str, cut: bool, language: str, fit: Path | None, errors: str) -> Lines:
    """What turns lines into vectors."""
    from seqcli.tasks.vectors.encoding import POOLS, open_encoder
    from seqcli.tasks.vectors.lines import Lines

    choose(pool, POOLS, "--pool")
    if fit is not None and pool != "sif":
        raise UsageFailure("--fit is for --pool sif")
    return Lines(open_encoder(model, pool, cut, language, fit, errors), source, errors)


def hits(job: Lines | Words, query: str, source: Iterator[Block], top: int, json: bool) -> Iterator[bytes]:
    """The lines nearest to a query."""
    from seqcli.tasks.vectors import telling
    from seqcli.tasks.vectors.lines import Lines, search

    assert isinstance(job, Lines)
    wanted = job.encoder.encode([query])[0]
    if not wanted.any():
        raise Failure(f"nothing is known of the query {query!r}", hint="other words")
    for line in telling.hits(search(job, wanted, source, top), json):
        yield f"{line}\n".encode("utf-8", "backslashreplace")


def guess(files: Sequence[Path], source: str) -> str:
    """The input format: the one named, or by the files' names."""
    if source:
        return choose(source, ("text", "jsonl"), "--input")
    suffixes = {Path(file.stem if file.suffix in (".gz", ".xz") else file).suffix for file in files}
    objects = suffixes & {".jsonl", ".json"}
    if objects and objects != suffixes:
        raise UsageFailure("files of several kinds: jsonl, text", hint="say which with --input")
    return "jsonl" if objects else "text"
