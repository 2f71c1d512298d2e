"""The options of a search, which `seq beam` and `seq translate` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

Width = Annotated[int | None, typer.Option("--beam", help="Hypotheses that are kept at each step. [5]")]
Greedy = Annotated[bool, typer.Option("--greedy", help="The likeliest token at each step.")]
Sample = Annotated[bool, typer.Option("--sample", help="Draw from the model's distribution.")]
Mbr = Annotated[int | None, typer.Option("--mbr", metavar="N", help="Of N samples (--beam: the N best) the most like all.")]
Nbest = Annotated[int | None, typer.Option("--nbest", help="The N best of each line: rank, score, text.")]
Samples = Annotated[int | None, typer.Option("--samples", help="Texts drawn for each line. [1]")]
Temperature = Annotated[float | None, typer.Option(help="Below 1 sharpens the distribution.")]
TopK = Annotated[int | None, typer.Option(help="Draw from the K likeliest tokens.")]
TopP = Annotated[float | None, typer.Option(help="Draw from the fewest tokens that hold this share.")]
Typical = Annotated[float | None, typer.Option(help="The same, those of typical information first.")]
MinP = Annotated[float | None, typer.Option(help="Leave out what is less likely than this share of the likeliest.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of what is drawn. [0]")]
Utility = Annotated[str | None, typer.Option(help="Of --mbr: bleu, chrf, chrf++, rouge (L), rouge-1, rouge-2. [chrf]")]
MaxLength = Annotated[int | None, typer.Option(help="Tokens at most, the end among them. [256; translations: by the source]")]
MinLength = Annotated[int | None, typer.Option(help="Tokens at least.")]
Normalize = Annotated[str | None, typer.Option(help="Ranks by log P / T^alpha (length), or gnmt's ((5+T)/6)^alpha.")]
LengthPenalty = Annotated[float | None, typer.Option(help="Alpha; 0 ranks by log P. [1]")]
Coverage = Annotated[float | None, typer.Option(help="Penalty of source words that were not looked at.")]
Stop = Annotated[str | None, typer.Option(help="full (as many ended as are kept), likely, current, exact. [likely; translators: full]")]
NoRepeat = Annotated[int | None, typer.Option(metavar="N", help="No N-gram twice.")]
RepetitionPenalty = Annotated[float | None, typer.Option(help="Above 1: words that were there are less likely.")]
Diverse = Annotated[int | None, typer.Option(metavar="GROUPS", help="Groups of the beam that avoid each other.")]
Diversity = Annotated[float | None, typer.Option(help="What a token costs for each group that took it. [0.5]")]
Prefix = Annotated[str | None, typer.Option(help="Every text begins so.")]
Constraint = Annotated[list[str] | None, typer.Option("--constrain", "--constraint", help="Every text holds this; may be repeated.")]
Until = Annotated[list[str] | None, typer.Option(help="A text ends before this; may be repeated.")]
NAMES = (
    "width", "greedy", "sample", "mbr", "nbest", "samples", "temperature", "top_k", "top_p", "typical", "min_p", "seed", "utility",
    "max_length", "min_length", "normalize", "length_penalty", "coverage", "stop", "no_repeat", "repetition_penalty", "diverse",
    "diversity", "prefix", "constraint", "until",
)  # fmt: skip


def asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options among a verb's values, by the names that users give them.

    >>> found = asked(dict.fromkeys(NAMES) | {"width": 4, "top_k": 10, "json": True})
    >>> {option: value for option, value in found.items() if value is not None}
    {'--beam': 4, '--top-k': 10}
    """
    return {"--beam" if name == "width" else "--" + name.replace("_", "-"): values[name] for name in NAMES}
