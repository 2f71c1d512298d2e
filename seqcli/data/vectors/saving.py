"""Word vectors from elsewhere as a model folder."""

from __future__ import annotations

from pathlib import Path

from seqcli import __version__
from seqcli.data import folder
from seqcli.data.vectors import TASK, Vectors

CARD = """# {name}

Word vectors imported from `{source}`: {words:,} words, {dimensions} numbers each{kind}.

## Data

Not known here: see where the file comes from.

## Licence

That of `{source}`.

## Recipe

Not known here.

## Measured

Not measured: `seq embed -m {name} --evaluate questions-words.txt`.

## Limits

{counts}
"""


def save(vectors: Vectors, output: Path, source: str, force: bool = False) -> None:
    """Write vectors that were read from a file called `source`.

    Raises:
        Failure: the folder may not be written, or the disk cannot take it.
    """
    config = {
        "model": "vectors",
        "task": TASK,
        "version": 1,
        "seqcli": __version__,
        "licence": f"that of {source}",
        "trained_on": {"files": [source], "types": len(vectors)},
        "parameters": vectors.parameters(),
        "scores": {},
    }
    card = CARD.format(
        name=output.name,
        source=source,
        words=len(vectors),
        dimensions=vectors.dimensions,
        kind=", rounded to 8 bits" if vectors.scales is not None else "",
        counts="Word counts are known." if vectors.counts is not None else "Word counts are not known: by rank, Zipf's law stands in.",
    )
    folder.write(output, config, vectors.tensors(), {folder.CARD: card}, force)
