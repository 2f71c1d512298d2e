"""What a search is asked for, and what it finds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqcli.errors import UsageFailure

NORMALIZE = ("length", "gnmt")
STOP = ("likely", "exact", "current", "full")


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text that a search has found."""

    tokens: list[int]  # without the end
    log_prob: float  # of the tokens, and of the end if it ended: what the model says, in nats
    score: float  # what hypotheses are ranked by: normalised, penalised
    ended: bool = True  # False: cut at the maximal length
    complete: bool = True  # False: a phrase that had to be there is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to search. `check` says what contradicts itself."""

    beam: int = 5
    nbest: int = 1
    max_length: int = 256  # tokens, the end among them
    min_length: int = 0  # tokens before the end
    normalize: str = "length"  # T^alpha, or gnmt: ((5 + T) / 6)^alpha (Wu et al. 2016, equation 14)
    alpha: float = 1.0  # 0: hypotheses are ranked by log-probability alone
    coverage: float = 0.0  # beta of Wu et al.'s coverage penalty; needs a model that attends to a source
    stop: str = "likely"  # or exact, current, full: see `beam`
    no_repeat: int = 0  # no n-gram of this length twice
    repetition: float = 1.0  # log-probabilities of tokens that were there are multiplied by it (Keskar et al. 2019)
    groups: int = 1  # diverse beam search
    diversity: float = 0.5  # what a token costs for each group before that chose it
    prefix: tuple[int, ...] = ()  # how every hypothesis begins
    phrases: tuple[tuple[int, ...], ...] = ()  # which every hypothesis must hold
    ends: tuple[str, ...] = ()  # texts that end a hypothesis before them
    # sampling
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    typical: float = 1.0
    min_p: float = 0.0
    samples: int = 1
    seed: int = 0

    def check(self) -> Settings:
        """The same settings.

        Raises:
            UsageFailure: a value out of its range, or two that contradict each other.
        """
        for least, option, value in (
            (1, "--beam", self.beam), (1, "--nbest", self.nbest), (1, "--max-length", self.max_length), (1, "--samples", self.samples),
            (1, "--diverse", self.groups), (0, "--min-length", self.min_length), (0, "--no-repeat", self.no_repeat),
            (0, "--top-k", self.top_k), (0, "--length-penalty", self.alpha), (0, "--coverage", self.coverage),
            (0, "--diversity", self.diversity), (0, "--min-p", self.min_p),
        ):  # fmt: skip
            if not least <= value < math.inf:
                raise UsageFailure(f"{option} {value:g}: it must be at least {least}")
        for option, value, hint in (
            ("--temperature", self.temperature, "for the likeliest token at each step: --greedy"),
            ("--top-p", self.top_p, "1 keeps every token"), ("--typical", self.typical, "1 keeps every token"),
            ("--repetition-penalty", self.repetition, "1 changes nothing"),
        ):  # fmt: skip
            if not 0 < value < math.inf:
                raise UsageFailure(f"{option} {value:g}: it must be above 0", hint=hint)
        for option, value in (("--top-p", self.top_p), ("--typical", self.typical), ("--min-p", self.min_p)):
            if value > 1:
                raise UsageFailure(f"{option} {value:g}: it is a share, 1 at most")
        self.check_together()
        return self

    def check_together(self) -> None:
        """Raises UsageFailure: options that contradict each other."""
        if self.nbest > self.beam:
            raise UsageFailure(f"--nbest {self.nbest} needs --beam {self.nbest} at least, not {self.beam}")
        if self.beam % self.groups:
            raise UsageFailure(f"--beam {self.beam} cannot be shared among --diverse {self.groups} groups", hint="a multiple of it")
        if self.min_length >= self.max_length:
            raise UsageFailure(f"--min-length {self.min_length} leaves no room below --max-length {self.max_length}")
        if self.phrases and self.groups > 1:
            raise UsageFailure("--constraint and --diverse: one at a time")
        needed = len(self.prefix) + max(map(len, self.phrases), default=0)
        if needed >= self.max_length:
            raise UsageFailure(f"--max-length {self.max_length} leaves no room for the {needed} tokens that must be there")
        if any(not text for text in self.ends):
            raise UsageFailure("--until needs a text that is not empty")

    def norm(self, length: int) -> float:
        """What a log-probability is divided by, of `length` tokens, the end among them.

        >>> Settings(alpha=0.5).norm(16), Settings(normalize="gnmt", alpha=1.0).norm(7)
        (4.0, 2.0)
        """
        return float(length**self.alpha if self.normalize == "length" else ((5 + length) / 6) ** self.alpha)
