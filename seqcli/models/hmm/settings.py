"""What a hidden Markov model is told."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import Failure
from seqcli.models.hmm.unknown_words import Spelling


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of `seq train hmm`; tuned on the development part of UD English-EWT."""

    order: int = 2  # tags that the next tag depends on: 1 or 2
    subtags: int = 0  # states that the tags are divided into; 0: 44 at order 2, 300 at order 1; 1: one a tag
    candidates: int = 300  # (tag, word) pairs that are set apart before the most alike are merged again
    word_strength: float = 1.0  # counts that the spelling of a known word is worth
    lower_strength: float = 2.0  # counts that it is worth against those of the word in any letter case
    rare: int = 10  # spellings are learned from words that occur so many times or less
    ending: int = 10  # longest ending, in letters
    beginning: int = 4  # longest beginning, in letters; 0: only endings are looked at
    ending_strength: float = 4.0  # counts that an ending one letter shorter is worth
    beginning_strength: float = 5.0  # the same of beginnings
    beginning_power: float = 0.7  # how much a beginning says beside the ending
    unsupervised: bool = False  # learn from words alone, by Baum-Welch
    states: int = 20  # unsupervised: hidden states
    iterations: int = 100  # unsupervised: at most
    tolerance: float = 1e-4  # unsupervised: stop when an iteration gains fewer nats a word
    min_count: int = 2  # unsupervised: rarer words are known by their shape only
    seed: int = 1  # unsupervised: of the model to start from

    def check(self) -> None:
        """Raises Failure: a value that makes no sense."""
        for wrong, message in (
            (self.order not in (1, 2), f"order is {self.order}, and must be 1 or 2"),
            (self.unsupervised and self.states < 2, f"states is {self.states}, and must be 2 or more"),
            (self.unsupervised and self.iterations < 1, f"iterations is {self.iterations}, and must be 1 or more"),
            (min(self.ending, self.beginning, self.subtags, self.candidates) < 0, "no length or number may be below 0"),
            (min(self.word_strength, self.lower_strength) <= 0, "word_strength and lower_strength must be above 0"),
            (min(self.ending_strength, self.beginning_strength) <= 0, "ending_strength and beginning_strength must be above 0"),
        ):
            if wrong:
                raise Failure(f"hmm: {message}")

    def spelling(self) -> Spelling:
        """The part that the guesser reads."""
        return Spelling(
            self.ending, self.beginning, self.ending_strength, self.beginning_strength, self.beginning_power if self.beginning else 0.0
        )
