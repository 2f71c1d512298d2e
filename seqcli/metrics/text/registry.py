"""The metrics of text by name, made with the options that the command line gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any

from seqcli.errors import UsageFailure, nearest
from seqcli.metrics.text.bleu import SMOOTHING, TOKENIZERS
from seqcli.metrics.text.metric import Metric

DEFAULT = ("bleu", "chrf")
ROUGE = re.compile("rouge-?([1-9]|l|lsum)")
METRICS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bleu": ("bleu", "Bleu", {}),
    "chrf": ("chrf", "Chrf", {}),
    "chrf++": ("chrf", "Chrf", {"word_order": 2}),
    "ter": ("ter", "Ter", {}),
    "wer": ("error_rates", "ErrorRate", {"kind": "WER"}),
    "cer": ("error_rates", "ErrorRate", {"kind": "CER"}),
    "mer": ("error_rates", "ErrorRate", {"kind": "MER"}),
    "em": ("exact", "ExactMatch", {}),
    "bleu-rouge": ("bleu_rouge", "BleuRouge", {}),
}  # module, class, settings; ROUGE has many names


def make(names: Sequence[str], options: Mapping[str, Any]) -> list[Metric]:
    """The metrics of these names, in this order; `rouge` stands for ROUGE-1, 2, L and Lsum.

    An option that none of them has, and a value that makes no sense, raise UsageFailure.

    >>> [metric.name for metric in make(["bleu", "chrf++", "rouge"], {"stem": True})]
    ['BLEU', 'chrF2++', 'ROUGE-1', 'ROUGE-2', 'ROUGE-L', 'ROUGE-Lsum']
    """
    check(options)
    makers = [maker for name in names or DEFAULT for maker in makers_of(name)]
    metrics: list[Metric] = []
    used: set[str] = set()
    for kind, settings in makers:
        known = {field.name for field in fields(kind)} - settings.keys()
        used |= known & options.keys()
        metrics.append(kind(**settings, **{key: value for key, value in options.items() if key in known}))
    for option in options.keys() - used:
        flag = "--" + option.replace("_", "-")
        raise UsageFailure(f"{flag} means nothing to {', '.join(metric.name for metric in metrics)}", hint="ask for another --metric")
    return metrics


def makers_of(name: str) -> list[tuple[Any, dict[str, Any]]]:
    """What is called, and with what, for one name."""
    plain = name.lower()
    if plain == "rouge":
        return [(imported("rouge", "Rouge"), {"kind": kind}) for kind in ("1", "2", "L", "Lsum")]
    if found := ROUGE.fullmatch(plain):
        return [(imported("rouge", "Rouge"), {"kind": {"l": "L", "lsum": "Lsum"}.get(found[1], found[1])})]
    if plain not in METRICS:
        raise UsageFailure(f"--metric {name}: no such metric", hint="rouge-1 to rouge-9, rouge-l, rouge-lsum")
    module, kind, settings = METRICS[plain]
    return [(imported(module, kind), settings)]


def imported(module: str, kind: str) -> Any:
    """A class of this package; most commands need one of many."""
    return getattr(import_module(f"seqcli.metrics.text.{module}"), kind)


def check(options: Mapping[str, Any]) -> None:
    """Raises UsageFailure: a choice that there is not, or options that contradict each other."""
    for option, known in (("tokenize", TOKENIZERS), ("smooth", SMOOTHING)):
        if option in options and options[option] not in known:
            raise UsageFailure(f"--{option} {options[option]}: no such choice", hint=nearest(options[option], known))
    smooth = options.get("smooth", "exp")
    if "smooth_value" in options and SMOOTHING[smooth] is None:
        raise UsageFailure(f"--smooth-value means nothing to --smooth {smooth}", hint="floor and add-k take a value")
