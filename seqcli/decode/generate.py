"""From options to texts: what `seq beam` and `seq translate` share.

A `Plan` says how to search, a `Writer` turns lines into hypotheses batch by batch. The model is a `Generator`: a stepper that reads
and writes text. One that has a `search` of its own (prompts, limits, plan → hypotheses) needs no steps, and no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from seqcli.decode.settings import NORMALIZE, STOP, Hypothesis, Settings
from seqcli.errors import Failure, UsageFailure, nearest

if TYPE_CHECKING:
    from seqcli.decode.errors import Judgement
    from seqcli.decode.stepper import Stepper
    from seqcli.decode.trace import Trace

    class Generator(Stepper, Protocol):
        """A model that reads and writes text."""

        @property
        def context(self) -> int | None:
            """How many tokens it can look at, those it writes with them; None: any number."""

        def prepare(self, lines: Sequence[str]) -> list[Any]:
            """What `start` takes: prompts as ids, or whatever the model reads.

            A model that reads something else than it writes has `targets` too: from texts to the ids that it would write.
            """

        def text(self, ids: Sequence[int]) -> str:
            """Ids as text."""

        def spell(self, ids: Sequence[int]) -> list[str]:
            """Ids one by one, as a reader may see them."""

        # Where it has learned texts of some length only, it has this as `longest`; where it wants to be searched in its own way, it has
        # `defaults`, fields of `Settings` that options replace.
        # Where its texts have several lines, it has a `record`, "paragraph", too.


LINES = 32  # lines that are searched at once
WINDOW = 1024  # lines among which those of like length are searched together
ROWS = 128  # texts that are drawn at once
UTILITIES = ("bleu", "chrf", "chrf++", "rouge", "rouge-1", "rouge-2")
SAMPLING = ("--temperature", "--top-k", "--top-p", "--typical", "--min-p", "--seed")
BEAM = ("--beam", "--nbest", "--coverage", "--stop", "--diverse", "--diversity", "--constraint", "--sweep", "--trace", "--html")
ALLOWED = {
    "greedy": (),
    "sample": ("--samples", *SAMPLING),
    "beam": BEAM,
    "mbr": ("--utility", "--nbest", *SAMPLING),
    "mbr with --beam": ("--utility", "--nbest", "--beam", "--coverage", "--stop", "--diverse", "--diversity", "--constraint"),
}  # beside those that mean something to all
OWNED = dict.fromkeys((*BEAM, *SAMPLING, "--samples", "--utility"))
FIELDS = {
    "--beam": "beam", "--nbest": "nbest", "--max-length": "max_length", "--min-length": "min_length", "--normalize": "normalize",
    "--length-penalty": "alpha", "--coverage": "coverage", "--stop": "stop", "--no-repeat": "no_repeat",
    "--repetition-penalty": "repetition", "--diverse": "groups", "--diversity": "diversity", "--temperature": "temperature",
    "--top-k": "top_k", "--top-p": "top_p", "--typical": "typical", "--min-p": "min_p", "--samples": "samples", "--seed": "seed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How texts are found."""

    method: str  # greedy, sample or beam: where candidates come from
    settings: Settings
    utility: str = ""  # by which the best of the candidates is chosen; none: no minimum Bayes risk
    nbest: int = 1  # of those that are chosen


@dataclass(frozen=True, slots=True)
class Found:
    """One text for one line."""

    rank: int  # from 1
    text: str
    hypothesis: Hypothesis
    utility: float | None = None  # expected, where it was chosen by that


def plan(given: Mapping[str, Any], generator: Generator) -> Plan:
    """The plan of options by their names; None, False and an empty list stand for those that were not given.

    Raises:
        UsageFailure: options that contradict each other, or a value that makes no sense.
    """
    options = {name: value for name, value in given.items() if value is not None and value is not False and value != []}
    chosen = [name for name in ("greedy", "sample", "mbr") if f"--{name}" in options]
    if len(chosen) > 1:
        raise UsageFailure(f"--{chosen[0]} and --{chosen[1]}: one at a time")
    method = chosen[0] if chosen else "beam"
    check_needs(f"{method} with --beam" if method == "mbr" and "--beam" in options else method, options)
    for option, known in (("--normalize", NORMALIZE), ("--stop", STOP), ("--utility", UTILITIES)):
        if option in options and options[option] not in known:
            raise UsageFailure(f"{option} {options[option]}: no such choice", hint=nearest(str(options[option]), known))
    fields = {FIELDS[name]: value for name, value in options.items() if name in FIELDS}
    fields["ends"] = tuple(options.get("--until", ()))
    fields["prefix"] = tuple(target(generator, options.get("--prefix", "")))
    fields["phrases"] = tuple(tuple(target(generator, phrase)) for phrase in options.get("--constraint", ()))
    usual = getattr(generator, "defaults", {})
    if method != "mbr":
        return Plan(method, with_room(fields, usual), nbest=fields.get("nbest", 1))
    count, nbest = options["--mbr"], fields.pop("nbest", 1)
    if count < max(2, nbest):
        raise UsageFailure(f"--mbr {count}: it needs {max(2, nbest)} candidates at least")
    candidates = {"nbest": count} if "--beam" in options else {"samples": count}
    source = "beam" if "--beam" in options else "sample"
    return Plan(source, with_room(fields | candidates, usual), options.get("--utility", "chrf"), nbest)


def check_needs(method: str, options: Mapping[str, Any]) -> None:
    """Raises UsageFailure: an option that means nothing to the method."""
    for option in options:
        if option in OWNED and option not in ALLOWED[method]:
            owner = next(name for name, allowed in ALLOWED.items() if option in allowed)
            needs = f"it needs --{owner}" if owner != "beam" or method == "beam" else "it is of beam search"
            raise UsageFailure(f"{option} means nothing to {'beam search' if method == 'beam' else f'--{method}'}", hint=needs)


def with_room(fields: Mapping[str, Any], usual: Mapping[str, Any]) -> Settings:
    """The settings, `usual` where nothing was asked for; where no beam was, one that is wide enough for the rest."""
    settings = replace(Settings(), **{**usual, **fields})
    if "beam" not in fields and min(settings.nbest, settings.groups) > 0:
        a_group = -(-max(settings.beam, settings.nbest) // settings.groups)
        settings = replace(settings, beam=a_group * settings.groups)
    return settings.check()


def target(generator: Generator, text: str) -> Sequence[int]:
    """A text as the ids that the model would write."""
    if not text:
        return ()
    read = getattr(generator, "targets", generator.prepare)
    (ids,) = read([text])
    found: Sequence[int] = ids
    return found


class Writer:
    """Finds texts for lines, a batch at a time.

    Raises:
        Failure: a prompt that leaves no room in the model's context; it is named by its line.
    """

    def __init__(self, generator: Generator, plan: Plan, truncate: bool = False) -> None:
        self.generator, self.plan, self.truncate = generator, plan, truncate
        self.cut: list[int] = []  # numbers of lines whose prompts were cut
        self.line = 0  # lines read so far
        self.traces: list[Trace] | None = None  # of the last batch, where they are wanted

    @property
    def batch(self) -> int:
        """How many lines are searched at once."""
        if hasattr(self.generator, "search"):
            return WINDOW
        return max(1, ROWS // self.plan.settings.samples) if self.plan.method == "sample" else LINES

    def batches(self, lines: Sequence[str]) -> Iterator[list[str]]:
        """Lines in batches."""
        for start in range(0, len(lines), self.batch):
            yield list(lines[start : start + self.batch])

    def __call__(self, lines: Sequence[str], traced: bool = False) -> list[list[Found]]:
        """The texts of each line, best first."""
        prompts = self.generator.prepare(lines)
        limits = self.room(prompts)
        if traced:
            from seqcli.decode.trace import Tracer

            tracer = Tracer(len(lines))
            hypotheses, self.traces = self.search(prompts, limits, tracer), tracer.traces
        else:
            hypotheses, self.traces = self.search(prompts, limits), None
        self.line += len(lines)
        return [self.ranked(found) for found in hypotheses]

    def search(self, prompts: Sequence[Any], limits: Sequence[int], tracer: Any = None) -> list[list[Hypothesis]]:
        """The candidates of each prompt."""
        generator, settings = self.generator, self.plan.settings
        if hasattr(generator, "search"):
            alone: list[list[Hypothesis]] = generator.search(prompts, limits, self.plan)
            return alone
        from seqcli.decode.beam import BeamSearch
        from seqcli.decode.sampling import greedy, sample

        said = None if hasattr(generator, "targets") else prompts  # what it reads is what it would write
        if self.plan.method == "greedy":
            return greedy(generator, prompts, settings, limits=limits, said=said, spell=generator.text)
        if self.plan.method == "sample":
            found: list[list[Hypothesis]] = [[] for _ in prompts]
            for first in range(0, settings.samples, ROWS):
                some = replace(settings, samples=min(ROWS, settings.samples - first))
                numbers = range(self.line, self.line + len(prompts))
                more = sample(
                    generator, prompts, some, limits=limits, said=said, spell=generator.text, numbers=numbers, first=first
                )  # fmt: skip
                found = [[*before, *new] for before, new in zip(found, more, strict=True)]
            return found
        return BeamSearch(generator, settings, generator.text, tracer).run(prompts, limits, said)

    def room(self, prompts: list[Any]) -> list[int]:
        """How long the text of each prompt may become; what is too long for the context fails, or loses its beginning."""
        longest, context = self.plan.settings.max_length, self.generator.context
        if context is None:
            return [min(longest, getattr(self.generator, "longest", longest))] * len(prompts)
        for i, prompt in enumerate(prompts):
            if len(prompt) < context:
                continue
            if not self.truncate:
                raise Failure(
                    f"line {self.line + i + 1}: the prompt has {len(prompt)} tokens, the model's context holds {context}",
                    hint="shorten it, or pass --truncate to keep its end",
                )
            self.cut.append(self.line + i + 1)
            prompts[i] = prompt[len(prompt) - max(1, context - longest) :]
        return [min(longest, context - len(prompt)) for prompt in prompts]

    def ranked(self, hypotheses: Sequence[Hypothesis]) -> list[Found]:
        """Hypotheses as texts, by expected utility where that is wanted."""
        texts = [self.text(each.tokens) for each in hypotheses]
        if not self.plan.utility:
            return [Found(rank, text, each) for rank, (text, each) in enumerate(zip(texts, hypotheses, strict=True), 1)]
        from seqcli.decode.mbr import expected

        utility = expected(texts, texts, self.plan.utility).tolist()
        order = sorted(range(len(texts)), key=lambda i: -utility[i])
        first = list({texts[i]: i for i in reversed(order)}.values())[::-1]  # each text once
        return [Found(rank, texts[i], hypotheses[i], utility[i]) for rank, i in enumerate(first[: self.plan.nbest], 1)]

    def text(self, ids: Sequence[int]) -> str:
        """Ids as text, up to what ends it."""
        text = self.generator.text(ids)
        if not self.plan.settings.ends:
            return text
        from seqcli.decode.rules import ending

        found = ending(text, self.plan.settings.ends)
        return text if found is None else found

    def judge(self, lines: Sequence[str], found: Sequence[Sequence[Found]], references: Sequence[str]) -> list[Judgement]:
        """Whose the errors are in the best text of each of the lines that were read last.

        Raises:
            Failure: a reference that the model's context does not hold.
        """
        from seqcli.decode.errors import judge

        first = self.line - len(lines)
        prompts = self.generator.prepare(lines)
        wanted = [target(self.generator, reference) for reference in references]
        context = self.generator.context
        for i, (prompt, ids) in enumerate(zip(prompts, wanted, strict=True)):
            if context is not None and len(prompt) + len(ids) >= context:
                many = f"prompt and reference have {len(prompt) + len(ids)} tokens"
                raise Failure(f"line {first + i + 1}: {many}, the model's context holds {context}", hint="leave it out")
        return judge(self.generator, prompts, [each[0].hypothesis for each in found], wanted, self.plan.settings)
