r"""BLEU (Papineni et al. 2002), number for number as sacreBLEU computes it (Post 2018).

>>> bleu = Bleu()
>>> statistics = bleu.statistics(Lines(["The cat sat on the mat."]), [Lines(["The cat sat on a mat."])])
>>> statistics.tolist()                         # tokens, those of the reference, matches and n-grams of order 1 to 4
[[7, 7, 6, 4, 2, 1, 7, 6, 5, 4]]
>>> f"{float(bleu.score(statistics.sum(axis=0))):.2f} {bleu.verbose(statistics[0])}"
'48.89 85.7/66.7/40.0/25.0 (BP = 1.000 ratio = 1.000 hyp_len = 7 ref_len = 7)'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from seqcli.data.examples import AnyArray, FloatArray, IntArray
from seqcli.errors import Failure
from seqcli.metrics.text import tokens
from seqcli.metrics.text.metric import Lines
from seqcli.metrics.text.ngrams import matches

FAST = {"13a": tokens.thirteen_a, "none": tokens.words, "char": tokens.characters}  # on arrays
BY_CHUNK = {"intl": "tokenizer_intl.TokenizerV14International", "zh": "tokenizer_zh.TokenizerZh"}  # sacreBLEU's, once a distinct chunk
BY_LINE = {
    "ja-mecab": "tokenizer_ja_mecab.TokenizerJaMecab",
    "ko-mecab": "tokenizer_ko_mecab.TokenizerKoMecab",
    "spm": "tokenizer_spm.TokenizerSPM",
    "flores101": "tokenizer_spm.Flores101Tokenizer",
    "flores200": "tokenizer_spm.Flores200Tokenizer",
    "spBLEU-1K": "tokenizer_spm.spBLEU1KTokenizer",
}  # sacreBLEU's, line by line
TOKENIZERS = (*FAST, *BY_CHUNK, *BY_LINE)
SMOOTHING = {"exp": None, "floor": 0.1, "add-k": 1.0, "none": None}  # and the default value where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Bleu:
    """The metric, by sacreBLEU's options; `effective_order` leaves out the orders that no hypothesis is long enough for."""

    tokenize: str = "13a"
    lowercase: bool = False
    smooth: str = "exp"
    smooth_value: float | None = None  # None: the method's own default
    max_order: int = 4
    effective_order: bool = False

    name = "BLEU"
    lower_is_better = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Lengths, then matches and n-grams of each order."""
        orders = range(1, self.max_order + 1)
        return ("hyp_len", "ref_len", *(f"matches_{n}" for n in orders), *(f"ngrams_{n}" for n in orders))

    @property
    def value(self) -> float | None:
        """What the smoothing adds; None where the method adds no value of choice."""
        default = SMOOTHING[self.smooth]
        return default if default is None or self.smooth_value is None else self.smooth_value

    def statistics(self, hypothesis: Lines, references: Sequence[Lines]) -> IntArray:
        """(B, 2 + 2 N) for n-grams up to N; of several references the one whose length is closest gives its length."""
        tokenization = tokenizer(self.tokenize, self.lowercase)
        mine = hypothesis.tokens(tokenization)
        theirs = [reference.tokens(tokenization) for reference in references]
        total = np.maximum(mine.lengths[:, None] - np.arange(self.max_order), 0)
        closest = closest_length(mine.lengths, references, [side.lengths for side in theirs])
        return np.column_stack([mine.lengths, closest, matches(mine, theirs, self.max_order), total])

    def score(self, sums: AnyArray) -> FloatArray:
        """BLEU (…,) of (…, 2 + 2 N); in single precision where the sums are, as sacreBLEU's resampling is."""
        N = self.max_order
        precisions, used = self.precisions(sums)
        with np.errstate(divide="ignore"):
            logs = np.where(precisions > 0, np.log(precisions.astype(np.float64)), -9999999999.0)  # sacreBLEU's zero
        mean = np.where(np.arange(N) < used[..., None], logs, 0.0).sum(axis=-1) / used
        found: FloatArray = brevity_penalty(sums) * np.exp(mean)
        return np.where(sums[..., 2 : 2 + N].any(axis=-1), found, 0.0)

    def precisions(self, sums: AnyArray) -> tuple[FloatArray, IntArray]:
        """Smoothed precisions (…, N) in percent, and how many of them count, (…,)."""
        N = self.max_order
        correct, total = sums[..., 2 : 2 + N], sums[..., 2 + N :]
        value = self.value or 0.0
        if self.smooth == "add-k":
            more = np.where(np.arange(N) > 0, value, 0).astype(np.float32 if sums.dtype == np.float32 else np.float64)
            correct, total = correct + more, total + more
        reached = np.logical_and.accumulate(total > 0, axis=-1)  # later orders are not looked at
        missed = reached & (correct == 0)
        safe = np.where(total == 0, 1, total)
        found: FloatArray = 100.0 * correct / safe
        if self.smooth == "exp":
            halvings = np.where(missed, 2.0, 1.0).cumprod(axis=-1).astype(found.dtype)
            found = np.where(missed, 100.0 / (halvings * safe), found)
        elif self.smooth == "floor":
            found = np.where(missed, (100.0 * value) / safe, found)
        used = np.maximum(reached.sum(axis=-1), 1) if self.effective_order else np.full(sums.shape[:-1], N)
        return np.where(reached, found, 0), used

    def segment_score(self, statistics: AnyArray) -> FloatArray:
        """BLEU of each segment, (B,), by its effective order, as sacreBLEU does for single segments."""
        return replace(self, effective_order=True).score(statistics)

    def signature(self) -> dict[str, str]:
        """As sacreBLEU's, which does not tell the longest n-grams: they are added where they are not of order 4."""
        smooth = self.smooth
        if self.value is not None:
            smooth += f"[{self.value:.2f}]"
        return {
            "case": "lc" if self.lowercase else "mixed",
            "eff": "yes" if self.effective_order else "no",
            "tok": tokenizer_signature(self.tokenize),
            "smooth": smooth,
            **({} if self.max_order == 4 else {"order": str(self.max_order)}),
        }

    def verbose(self, sums: AnyArray) -> str:
        """Precisions, brevity penalty and lengths, as sacreBLEU prints them."""
        precisions = self.precisions(sums)[0] if sums[2 : 2 + self.max_order].any() else np.zeros(self.max_order)
        mine, theirs = int(sums[0]), int(sums[1])
        shares = "/".join(f"{precision:.1f}" for precision in precisions.tolist())
        ratio = mine / theirs if theirs else 0
        penalty = float(brevity_penalty(sums))
        return f"{shares} (BP = {penalty:.3f} ratio = {ratio:.3f} hyp_len = {mine} ref_len = {theirs})"


def closest_length(mine: IntArray, references: Sequence[Lines], lengths: Sequence[IntArray]) -> IntArray:
    """The reference length closest to the hypothesis' in each segment, (B,); the shorter one of two that are as close."""
    far = np.int64(1) << 40
    best = np.full(len(mine), far)
    for reference, theirs in zip(references, lengths, strict=True):
        there = theirs if reference.present is None else np.where(reference.present, theirs, far)
        nearer, old = np.abs(there - mine), np.abs(best - mine)
        best = np.where((nearer < old) | ((nearer == old) & (there < best)), there, best)
    return best


def brevity_penalty(sums: AnyArray) -> FloatArray:
    """exp(1 - r/c) where the hypotheses are shorter than the references, (…,)."""
    mine, theirs = sums[..., 0].astype(np.float64), sums[..., 1].astype(np.float64)
    penalty: FloatArray = np.exp(np.minimum(0.0, 1.0 - theirs / np.where(mine == 0, 1, mine)))
    return np.where(mine < theirs, np.where(mine == 0, 0.0, penalty), 1.0)


@cache
def tokenizer(name: str, lowercase: bool) -> tokens.Tokenization:
    """The tokenization of that name; the same object each time, so that texts are tokenized once."""
    if lowercase:
        plain = tokenizer(name, False)
        return lambda data: plain(data.decode().lower().encode())
    if name in FAST:
        return FAST[name]
    theirs = their_tokenizer(name)
    if name in BY_CHUNK:
        return tokens.by_chunk(lambda chunk: theirs(chunk).split(), strips=name == "zh")
    return tokens.by_line(lambda line: theirs(line.rstrip()).split())


@cache
def their_tokenizer(name: str) -> Callable[[str], str]:
    """One of sacreBLEU's own; Failure where what it needs is not there (a dictionary, a model to download)."""
    from importlib import import_module

    module, _, kind = {**BY_CHUNK, **BY_LINE}[name].rpartition(".")
    try:
        found: Callable[[str], str] = getattr(import_module(f"sacrebleu.tokenizers.{module}"), kind)()
    except (ImportError, RuntimeError, OSError, SystemExit) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        hint = "spm and flores need a download, mecab a package"
        raise Failure(f"--tokenize {name}: sacreBLEU cannot set it up: {said}", hint=hint) from None
    return found


def tokenizer_signature(name: str) -> str:
    """How sacreBLEU names the tokenizer in its signature."""
    if name in FAST or name in BY_CHUNK:
        return name
    return str(getattr(their_tokenizer(name), "signature")())  # noqa: B009
