"""`seq tokenize --ids` against `tokenizers` on two threads and sentencepiece: whole commands on the same text, the same ids.

The text is 100 MB of books, articles, captions and sentences, English and German in turn, no line of it twice by our doing.
"""

from __future__ import annotations

import filecmp
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median

from seqcli.data.blocks import blocks
from tests.bench.harness import DATA, SEQ, WORK, commands, run_once, table

SIZE = 100_000_000
METHODS = ("byte-bpe", "bpe", "unigram", "wordpiece")
VOCABULARY = 16_000
RUNS = 3
GERMAN = ("tatoeba/en-de/train.de.gz", "multi30k/train.de.gz", *(f"wmt21/en-de/ref.{name}.de" for name in "ACD"))
ENGLISH = (
    *(f"corpus/{name}.txt.xz" for name in ("openstax", "ebooks", "factbook", "enwiki_sample")),
    "tatoeba/en-de/train.en.gz",
    "wikitext2/train.txt.gz",
)
BATCHED = """
import sys
def batches(size=10_000):
    batch = []
    for line in open(sys.argv[2], encoding="utf-8", newline="\\n"):
        batch.append(line.rstrip("\\n"))
        if len(batch) == size:
            yield batch
            batch = []
    yield batch
"""
TOKENIZERS = """
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
def encode(batch):
    return [found.ids for found in tokenizer.encode_batch(batch, add_special_tokens=False)]
"""
SENTENCEPIECE = """
from sentencepiece import SentencePieceProcessor
model = SentencePieceProcessor(model_file=sys.argv[1])
def encode(batch):
    return model.encode(batch, out_type=int, num_threads=2)
"""
WRITE = """
for batch in batches():
    sys.stdout.writelines(" ".join(map(str, ids)) + "\\n" for ids in encode(batch))
"""
TRAIN = """
import gzip, sys
from tokenizers import Tokenizer, models, trainers
like, method, target, *files = sys.argv[1:]
like = Tokenizer.from_file(like)
letters = [f"<0x{byte:02X}>" for byte in range(256)]
if method == "bpe":
    made = Tokenizer(models.BPE(byte_fallback=True))
    trainer = trainers.BpeTrainer(vocab_size=8000, special_tokens=letters, show_progress=False)
else:
    made = Tokenizer(models.Unigram())
    trainer = trainers.UnigramTrainer(vocab_size=8000, special_tokens=["<unk>", *letters], unk_token="<unk>", show_progress=False)
made.normalizer, made.pre_tokenizer = like.normalizer, like.pre_tokenizer
made.train_from_iterator((line.rstrip("\\n") for file in files for line in gzip.open(file, "rt", newline="\\n")), trainer)
made.save(target)
"""


def main() -> None:
    """All rows, then memory, cold start and training."""
    large, small = text(SIZE), text(SIZE // 10)
    header = ["", "seq", "peer", "ratio", "largest process: seq", "peer"]
    title = f"`seq tokenize --ids`, {large.stat().st_size / 1e6:.0f} MB with {distinct(large):,} distinct chunks; the same ids"
    table(title, header, rows(large, small))
    folder = model("bpe", small)
    costs = [run_once([SEQ, "tokenize", "--ids", "-m", str(folder), *files]) for files in ([str(small)], [str(large)] * 10)]
    (_, least), (seconds, most) = costs
    print(f"\nLargest process at 10 MB {least:.0f} MB, at 1 GB {most:.0f} MB ({most / least:.2f} ×, {seconds:.0f} s)")
    default = [SEQ, "tokenize"] if "no tokenizer" not in missing() else [SEQ, "tokenize", "-m", str(folder)]
    start = commands(21, {"seq": default, "peer": [sys.executable, "-c", "import typer, tokenizers"]}, b"hi\n")
    ratio = start["seq"].seconds / start["peer"].seconds
    print(f"\nCold start: {start['seq'].seconds:.3f} s / {start['peer'].seconds:.3f} s = {ratio:.2f} ×")
    training()


def training() -> None:
    """8,000 pieces from Multi30k's English and German, against the library called directly with the same pre-tokenizer."""
    files = [str(DATA / "multi30k" / name) for name in ("train.en.gz", "train.de.gz")]
    for method in ("bpe", "unigram"):
        folder = WORK / f"{method}.8000"
        ours = [SEQ, "train", method, *(word for file in files for word in ("--train", file)), "-o", str(folder), "--force", "-q"]
        run_once(ours)
        theirs = [sys.executable, "-c", TRAIN, str(folder / "tokenizer.json"), method, str(WORK / "theirs.json"), *files]
        costs = [(run_once(ours)[0], run_once(theirs)[0]) for _ in range(5)]
        mine, peer = (median(column) for column in zip(*costs, strict=True))
        print(f"\nTraining {method}: {mine:.2f} s / {peer:.2f} s = {mine / peer:.2f} ×")


def rows(large: Path, small: Path) -> Iterator[list[str]]:
    """A row a peer."""
    for method in METHODS:
        folder = model(method, small)
        yield against(f"{method}; `tokenizers`", folder, folder / "tokenizer.json", TOKENIZERS, large)
    if find_spec("sentencepiece") is not None:
        for method in ("unigram", "bpe"):
            file = sentencepiece_model(method, small)
            yield against(f"{method}; sentencepiece", file, file, SENTENCEPIECE, large)


def against(name: str, ours: Path, theirs: Path, encode: str, large: Path) -> list[str]:
    """Medians of both in turn, their ratio and memory; a stop where the ids differ."""
    said = [WORK / "ours.ids", WORK / "theirs.ids"]
    script = "".join((BATCHED, encode, WRITE))
    seq = [SEQ, "tokenize", "--ids", "-m", str(ours), str(large)]
    peer = ["env", "RAYON_NUM_THREADS=2", sys.executable, "-c", script, str(theirs), str(large)]
    costs: list[list[tuple[float, float]]] = [[], []]
    for _ in range(RUNS):
        for command, cost, file in zip((seq, peer), costs, said, strict=True):
            cost.append(run_once(command, stdout=str(file)))
    if not filecmp.cmp(said[0], said[1], shallow=False):
        raise SystemExit(f"{name}: the ids differ: {said[0]} {said[1]}")
    (seconds, megabytes), (their_seconds, their_megabytes) = ([median(column) for column in zip(*cost, strict=True)] for cost in costs)
    ratio = f"{their_seconds / seconds:.1f} ×"
    return [name, f"{seconds:.2f} s", f"{their_seconds:.2f} s", ratio, f"{megabytes:.0f} MB", f"{their_megabytes:.0f} MB"]


def text(size: int) -> Path:
    """A file of so many bytes at least; written the first time."""
    path = WORK / f"text.{size // 1_000_000}MB"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as out:
            for piece in in_turn([lines(DATA / name) for name in (*GERMAN, *ENGLISH)]):
                out.write(piece)
                if out.tell() >= size:
                    break
        temporary.rename(path)
    return path


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file with their ends."""
    for block in blocks([path]):
        yield from (line.encode() + b"\n" for line in block.lines())


def in_turn(sources: Sequence[Iterator[bytes]], count: int = 500) -> Iterator[bytes]:
    """So many lines of each, again and again, until all are at their end."""
    left = list(sources)
    while left:
        for source in left.copy():
            if not (some := b"".join(islice(source, count))):
                left.remove(source)
            yield some


def distinct(path: Path) -> int:
    """How many distinct words there are with the blanks before them."""
    seen: set[bytes] = set()
    for block in blocks([path]):
        seen.update(block.data.replace(b"\n", b" ").split(b" "))
    return len(seen)


def model(method: str, small: Path) -> Path:
    """The folder of a tokenizer trained on a tenth of the text; trained the first time."""
    folder = WORK / f"tokenizer.{method}"
    if not folder.exists():
        run_once([SEQ, "train", method, "--train", str(small), "-o", str(folder), "-q", "--set", f"vocab_size={VOCABULARY}"])
    return folder


def sentencepiece_model(method: str, small: Path) -> Path:
    """A SentencePiece model trained on the same."""
    file = WORK / f"sentencepiece.{method}.model"
    if not file.exists():
        from sentencepiece import SentencePieceTrainer

        SentencePieceTrainer.train(
            input=str(small), model_prefix=str(file.with_suffix("")), vocab_size=VOCABULARY, model_type=method,
            byte_fallback=True, minloglevel=2,
        )  # fmt: skip
    return file


def missing() -> str:
    """What the command says where no default tokenizer is shipped."""
    import subprocess

    return subprocess.run([SEQ, "tokenize"], input=b"hi\n", capture_output=True, check=False).stderr.decode()
