"""The peer as a command: python-crfsuite with its usual features, pre-tokenized lines in, `word/TAG` lines out.

`python -m tests.bench.crfsuite_tagger MODEL < lines`; `train` fits one on UD English-EWT.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pycrfsuite


def features(words: Sequence[str], i: int) -> list[str]:
    """25 features of one word and its neighbours."""
    word = words[i]
    lower = word.lower()
    found = [
        "bias", "w=" + word, "l=" + lower, "s3=" + lower[-3:], "s2=" + lower[-2:], "s1=" + lower[-1:], "s4=" + lower[-4:],
        "p1=" + lower[:1], "p2=" + lower[:2], "p3=" + lower[:3], f"upper={word.isupper()}", f"title={word.istitle()}",
        f"digit={any(map(str.isdigit, word))}", f"hyphen={'-' in word}",
    ]  # fmt: skip
    if i > 0:
        before = words[i - 1]
        found += ["-1l=" + before.lower(), f"-1title={before.istitle()}", f"-1upper={before.isupper()}",
                  "-1s3=" + before.lower()[-3:], "-1|0=" + before.lower() + "|" + lower]  # fmt: skip
    else:
        found.append("BOS")
    if i + 1 < len(words):
        after = words[i + 1]
        found += ["+1l=" + after.lower(), f"+1title={after.istitle()}", f"+1upper={after.isupper()}",
                  "+1s3=" + after.lower()[-3:]]  # fmt: skip
    else:
        found.append("EOS")
    if i > 1:
        found.append("-2l=" + words[i - 2].lower())
    if i + 2 < len(words):
        found.append("+2l=" + words[i + 2].lower())
    return found


def train(sentences: Sequence[tuple[Sequence[str], Sequence[str]]], path: Path) -> None:
    """L-BFGS with c1 .1 and c2 .01, 100 iterations."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 100})
    for words, tags in sentences:
        trainer.append([features(words, i) for i in range(len(words))], tags)
    trainer.train(str(path))


def tagger(path: Path) -> pycrfsuite.Tagger:
    """A trained model."""
    found = pycrfsuite.Tagger()
    found.open(str(path))
    return found


def main() -> None:
    """Tag standard input."""
    model = tagger(Path(sys.argv[1]))
    for line in sys.stdin:
        words = line.split()
        tags = model.tag([features(words, i) for i in range(len(words))]) if words else []
        sys.stdout.write(" ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)) + "\n")


if __name__ == "__main__":
    main()
