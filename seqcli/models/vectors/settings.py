"""What all trainings of word vectors can be told."""

from __future__ import annotations

from dataclasses import dataclass

from seqcli.errors import UsageFailure


@dataclass(frozen=True)
class Text:
    """What becomes of the text."""

    lowercase: bool = False
    tokenizer: str = ""  # a language whose rules cut the text into words; else blanks do
    min_count: int = 5  # rarer words get no vector
    max_vocabulary: int = 0  # the most words that get one, the commonest; 0 is all
    phrases: int = 0  # passes that join pairs of words that stand together more than by chance
    phrase_score: float = 10.0  # how much more
    int8: bool = False  # keep the vectors as 8-bit numbers, in a quarter of the space


@dataclass(frozen=True)
class Settings(Text):
    """Hyper-parameters of what is trained window by window."""

    dimensions: int = 100
    window: int = 5  # words to each side, at most
    sample: float = 1e-3  # words of a larger share of the text are thinned out; 0 keeps all
    epochs: int = 5
    rate: float = 0.025  # of learning, falls in a line …
    last_rate: float = 1e-4  # … to this
    block: int = 512  # words between two updates of the vectors, all threads together; fewer where few words are very frequent
    threads: int = 2
    seed: int = 1
    device: str = "cpu"

    negative: int = 5  # noise words a pair
    noise_power: float = 0.75  # of the counts, for the distribution of noise
    tile: int = 32  # words that share noise words
    shared: int = 32  # how many they share

    def check(self) -> None:
        """Raises UsageFailure: a size that cannot be 0."""
        for name in ("dimensions", "window", "epochs", "block", "threads", "min_count", "tile", "shared"):
            if getattr(self, name) < 1:
                raise UsageFailure(f"{name}={getattr(self, name)}: expected a number from 1")
