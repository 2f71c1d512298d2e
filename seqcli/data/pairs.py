r"""Parallel text: line n of one file is the translation of line n of the other.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     en, de = Path(folder, "text.en"), Path(folder, "text.de")
...     _ = en.write_text("one\ntwo\n\n"), de.write_text("eins\n\n\n")
...     found = read([str(en)], [str(de)])
>>> found.sources, found.targets, found.read, found.one_sided
(['one'], ['eins'], 3, 2)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqcli.data.parallel import Source, batches
from seqcli.errors import Failure, UsageFailure


@dataclass
class Pairs:
    """Lines and their translations, those of several files one after the other; none is blank."""

    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    read: int = 0  # lines
    blank: list[str] = field(default_factory=list)  # where a side is blank: the first few of the lines left out
    one_sided: int = 0  # pairs left out because a side is blank

    def __len__(self) -> int:
        return len(self.sources)

    def cut(self, share: float) -> tuple[Pairs, Pairs]:
        """All but the last pairs, and these: such a share of all, at least one."""
        at = min(len(self) - 1, int(len(self) * (1 - share)))
        return Pairs(self.sources[:at], self.targets[:at], at), Pairs(self.sources[at:], self.targets[at:], len(self) - at)

    def told(self) -> str:
        """What was left out, in words; nothing where nothing was."""
        if not self.one_sided:
            return ""
        where = ", ".join(self.blank) + " …" * (self.one_sided > len(self.blank))
        return f"{self.one_sided:,} pairs left out, a side of which is blank ({where})"


def read(src: Sequence[str], tgt: Sequence[str]) -> Pairs:
    """The pairs of some files; the first source belongs to the first target, and so on.

    Raises:
        UsageFailure: more files of one side than of the other.
        Failure: a file that cannot be read or is empty, two that differ in length, or no pair in any.
    """
    if len(src) != len(tgt):
        raise UsageFailure(f"{len(src)} files of sources and {len(tgt)} of targets", hint="give --src and --tgt in turn, a pair each")
    found = Pairs()
    for names in zip(src, tgt, strict=True):
        for batch in batches([Source(Path(name)) for name in names]):
            for number, pair in enumerate(zip(*batch.segments, strict=True), batch.first_line):
                found.read += 1
                source, target = (text.strip() for text in pair)
                if source and target:
                    found.sources.append(pair[0])
                    found.targets.append(pair[1])
                    continue
                found.one_sided += 1
                if len(found.blank) < 3:
                    found.blank.append(f"{names[1] if source else names[0]}, line {number}")
    if not found.sources:
        raise Failure(f"nothing to learn from: no pair of lines in {src[0]} and {tgt[0]}")
    return found
