"""Random corpora that are hard on a scorer, and the same corpora as a reference package and as `seqcli` wants them."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from seqcli.metrics.text.metric import Lines

PIECES = [
    *("a", "b", "cat", "The", "the", " ", " ", " ", " ", "  ", ".", ",", "-", "'", '"', "(", "5", "1,250", "3.5", "..."),
    *(
        "&amp;",
        "&quot;",
        "<skipped>",
        "é",
        "ß",
        "Σ",
        "日本",
        "語。",
        "ок",
        "İ",
        "\u00a0",
        "\u3000",
        "\t",
        "👍",
        "१२",
        "$",
        "–",
        " the cat ",
    ),
]


@dataclass(frozen=True)
class Corpus:
    """B segments; a reference that lacks one has None there."""

    hypotheses: list[str]
    references: list[list[str | None]]

    @property
    def sides(self) -> tuple[Lines, list[Lines]]:
        """As our metrics take them."""
        there = [np.array([text is not None for text in texts]) for texts in self.references]
        texts = [[text or "" for text in texts] for texts in self.references]
        return Lines(self.hypotheses), [Lines(t, None if p.all() else p) for t, p in zip(texts, there, strict=True)]

    def present(self, segment: int) -> list[str]:
        """The references of one segment."""
        return [text for texts in self.references if (text := texts[segment]) is not None]


segments = st.one_of(
    st.just(""),
    st.sampled_from(["word", ".", "a a a a a a", "The cat sat on the mat."]),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=60, max_size=150).map(" ".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=30),
)


@st.composite
def corpora(draw, absent=True, segments=segments, most=6):
    """One to three references, some of them missing on some lines."""
    B = draw(st.integers(1, most))
    hypotheses = [draw(segments) for _ in range(B)]
    references = []
    for r in range(draw(st.integers(1, 3))):
        references.append([h if draw(st.integers(0, 3)) == 0 else draw(segments) for h in hypotheses])
        if r and absent:
            references[r] = [None if draw(st.integers(0, 3)) == 0 else text for text in references[r]]
    return Corpus(hypotheses, references)
