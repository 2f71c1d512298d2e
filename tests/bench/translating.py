"""`seq translate` on the CPU against transformers' `generate` and CTranslate2 called directly: the same random weights in all.

Sources have 20 tokens and translations 30, which an end that cannot come forces. So all write as much, by beams of 5, 32 lines at once.

    python -m tests.bench translating [PART]...        small, base: whole commands; latency-small, latency-base; echo
    LINES=2000 TURNS=3 python -m tests.bench translating small
    TURNS=1 WITHOUT=torch,float32 python -m tests.bench translating base      what takes longest, left out
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.harness import SEQ, WORK, commands, functions, run_once, table

BEAM, AT_ONCE, SOURCE, TARGET = 5, 32, 20, 30
LINES, TURNS = int(os.environ.get("LINES", "2000")), int(os.environ.get("TURNS", "3"))
WITHOUT = [name for name in os.environ.get("WITHOUT", "").split(",") if name]  # of the whole commands, by a part of their names
THREADS, FEW, ONES = 2, 64, 8
SHAPES = {
    "small": (8_000, {"size": 256, "heads": 4, "layers": 3, "inner": 1024}),
    "base": (32_000, {"size": 512, "heads": 8, "layers": 6, "inner": 2048}),
}
NEVER = -1e4  # the bias of what is not to be written
OPTIONS = ["--beam", str(BEAM), "--max-length", str(TARGET), "-j", str(THREADS), "-q"]
TRANSFORMERS = f"""
import sys, torch
from transformers import MarianMTModel
torch.set_num_threads({THREADS})
model = MarianMTModel.from_pretrained(sys.argv[1]).eval()
end = model.config.eos_token_id
lines = [[int(word[1:]) for word in line.split()] + [end] for line in open(sys.argv[2])]
with torch.inference_mode():
    for start in range(0, len(lines), {AT_ONCE}):
        batch = torch.tensor(lines[start : start + {AT_ONCE}])
        found = model.generate(batch, num_beams={BEAM}, max_new_tokens={TARGET}, early_stopping=True)
        for row in found.tolist():
            print(" ".join(f"w{{token}}" for token in row[1:]))
"""
CTRANSLATE2 = f"""
import sys, ctranslate2
model = ctranslate2.Translator(sys.argv[1], compute_type="int8", inter_threads={THREADS}, intra_threads=1)
lines = [line.split() + ["</s>"] for line in open(sys.argv[2])]
for found in model.translate_batch(lines, beam_size={BEAM}, max_decoding_length={TARGET}, max_batch_size={AT_ONCE}):
    print(" ".join(found.hypotheses[0]))
"""


def main() -> None:
    """The parts that are named, or all."""
    parts: dict[str, Callable[[], None]] = {
        **{name: partial(throughput, name) for name in SHAPES},
        **{f"latency-{name}": partial(latency, name) for name in SHAPES},
        "echo": echo,
    }  # fmt: skip
    for name in sys.argv[1:] or parts:
        parts[name]()


def throughput(shape: str) -> None:
    """Whole commands on many lines: tokens a second, the largest process, and how many of FEW lines are as transformers has them."""
    written = {name: output(command) for name, command in candidates(shape, lines(shape, FEW)).items()}
    cost = commands(TURNS, candidates(shape, lines(shape, LINES)))
    first, right = cost["seq, int8"].seconds, written["transformers"]
    rows = []
    for name, each in cost.items():
        same = sum(one == other for one, other in zip(written[name], right, strict=True))
        speed = [f"{LINES * TARGET / each.seconds:,.0f}", f"{each.seconds:.1f} s", f"{each.seconds / first:.2f} ×"]
        rows.append([name, *speed, f"{each.megabytes:.0f} MB", f"{same} of {FEW}"])
    title = f"{shape}: {LINES:,} lines, {SOURCE} tokens → {TARGET}, beam {BEAM}, batches of {AT_ONCE}, {THREADS} cores, whole commands"
    table(title, ["", "target tokens/s", "time", "time / seq int8", "memory", "same lines"], rows)


def candidates(shape: str, text: Path) -> dict[str, list[str]]:
    """The commands that translate a file."""
    ours, theirs, served = models(shape)
    whole = [SEQ, "translate", "-m", str(ours), *OPTIONS, str(text)]
    found = {
        "seq, int8": [SEQ, "translate", "-m", f"{ours}-int8", "--int8", *OPTIONS, str(text)],
        "seq, float32": whole,
        "seq, torch": [*whole, "--engine", "torch"],
        "ctranslate2 called directly, int8": [sys.executable, "-c", CTRANSLATE2, str(served), str(text)],
        "transformers": [sys.executable, "-c", TRANSFORMERS, str(theirs), str(text)],
    }
    return {name: command for name, command in found.items() if not any(part in name for part in WITHOUT)}


def output(command: list[str]) -> list[str]:
    """The lines that a command writes."""
    path = WORK / "translating.out"
    run_once(command, stdout=str(path))
    return path.read_text().split("\n")[:-1]


def latency(shape: str) -> None:
    """One line at a time, models in memory, milliseconds a line; transformers by the number of threads that suits it better."""
    import torch
    from transformers import MarianMTModel

    from seqcli.data import folder
    from seqcli.decode.generate import Plan
    from seqcli.decode.settings import Settings
    from seqcli.engines.ctranslate2 import Engine

    ours, theirs, _ = models(shape)
    model: Any = MarianMTModel.from_pretrained(theirs).eval()
    plan = Plan("beam", Settings(beam=BEAM))
    engines = [Engine.load(folder.read(Path(path)), int8=int8) for path, int8 in ((f"{ours}-int8", True), (str(ours), False))]
    sources = engines[0].prepare(lines(shape, ONES).read_text().split("\n")[:-1])

    def theirs_on(threads: int) -> None:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            for source in sources:
                model.generate(torch.tensor([source]), num_beams=BEAM, max_new_tokens=TARGET, early_stopping=True)

    def ours_by(engine: Engine) -> None:
        for source in sources:
            engine.search([source], [TARGET], plan)

    ways = {"int8": partial(ours_by, engines[0]), "float32": partial(ours_by, engines[1])}
    ways |= {str(threads): partial(theirs_on, threads) for threads in (1, THREADS)}
    cost = functions(TURNS, ways)
    times = {name: 1000 * each.seconds / len(sources) for name, each in cost.items()}
    best = min(times["1"], times[str(THREADS)])
    said = f"{times['1']:.0f} (1 thread), {times[str(THREADS)]:.0f} ({THREADS})"
    ratios = ", ".join(f"{best / times[name]:.1f} ×" for name in ("int8", "float32"))
    row = [f"{times['int8']:.0f}", f"{times['float32']:.0f}", said, ratios]
    table(
        f"{shape}: one line of {SOURCE} tokens → {TARGET}, beam {BEAM}, ms",
        ["seq, int8", "seq, float32", "transformers", "ratios"],
        [row],
    )


def echo() -> None:
    """A sentence through the whole command, as a pipeline would: the shipped model, and random ones that write TARGET tokens."""
    shipped = {"en-de, as shipped": [], "en-de, --int8": ["--int8"]}
    cost = commands(4 * TURNS, {name: [SEQ, "translate", *options] for name, options in shipped.items()}, b"Where is the station?\n")
    for shape in SHAPES:
        ours, _, _ = models(shape)
        named = {f"{shape}, int8": [f"{ours}-int8", "--int8"], f"{shape}, float32": [str(ours)]}
        whole = {name: [SEQ, "translate", "--max-length", str(TARGET), "-m", *options] for name, options in named.items()}
        cost |= commands(4 * TURNS, whole, lines(shape, 1).read_bytes())
    rows = [[name, f"{each.seconds:.2f} s", f"{each.megabytes:.0f} MB"] for name, each in cost.items()]
    table("One line through the whole command", ["", "time", "memory"], rows)


# What is timed -------------------------------------------------------------------------------------------------------


def lines(shape: str, count: int) -> Path:
    """So many lines of words that are a token each."""
    tokens, generator = SHAPES[shape][0], random.Random(1)
    path = WORK / f"translating.{shape}.{count}"
    texts = (" ".join(f"w{generator.randrange(2, tokens - 1)}" for _ in range(SOURCE - 1)) for _ in range(count))
    WORK.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(text + "\n" for text in texts))
    return path


def models(shape: str) -> tuple[Path, Path, Path]:
    """The same weights as a folder of ours (and, beside it, rounded), of transformers and of CTranslate2."""
    ours, theirs, served = (WORK / f"translating-{shape}-{kind}" for kind in ("seq", "marian", "ctranslate2"))
    if not (served / "model.bin").is_file():
        from seqcli.engines.export import export

        WORK.mkdir(parents=True, exist_ok=True)
        make(shape, ours, theirs)
        export(str(ours), "int8", Path(f"{ours}-int8"), force=True)
        export(str(ours), "ctranslate2", served, "int8", force=True)
    return ours, theirs, served


def make(shape: str, ours: Path, theirs: Path) -> None:
    """Random weights, written twice. Marian normalises after each branch, and has sines before cosines."""
    import torch

    from seqcli.data import folder
    from seqcli.models import transformer
    from seqcli.models.neural.codecs import Codecs
    from seqcli.models.neural.translation import Translator
    from seqcli.text.codec import Codec

    torch.manual_seed(1)
    tokens, size = SHAPES[shape]
    codec = Codec.of_pieces(["<unk>", *(f"w{number}" for number in range(1, tokens - 1))], "word")
    recipe = transformer.Recipe(**size, prenorm=False, positions="sinusoidal-halves", units="word", longest=128)  # type: ignore[arg-type]
    model = Translator(Codecs(codec, codec), recipe)
    with torch.no_grad():
        model.network.head.scores.bias[codec.end] = NEVER
    config = {"model": "transformer", "task": "translation", "version": 1, "recipe": asdict(recipe), "parameters": model.config()}
    folder.write(ours, config, model.tensors(), {**model.files(), folder.CARD: f"# {shape}, random\n"}, force=True)
    write_marian(model, theirs)


def write_marian(model: Any, path: Path) -> None:
    """The same as transformers has it; what begins a target is the end, as with us."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    recipe, end, size = model.recipe, model.end, model.recipe.size
    sides = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in
             (("layers", recipe.layers), ("attention_heads", recipe.heads), ("ffn_dim", recipe.inner))}  # fmt: skip
    config = MarianConfig(
        vocab_size=end + 1, d_model=size, max_position_embeddings=128, activation_function="relu", scale_embedding=True,
        pad_token_id=0, eos_token_id=end, decoder_start_token_id=end, forced_eos_token_id=None, **sides,
    )  # fmt: skip
    theirs = MarianMTModel(config)
    state = theirs.state_dict()
    with torch.no_grad():
        for name, weight in model.module.named_parameters():
            for target, part in marian_names(name, weight):
                state[target].copy_(part)
        state["model.shared.weight"].copy_(model.module.target.weight)
    theirs.save_pretrained(path)
    (path / "generation_config.json").write_text(json.dumps({"eos_token_id": end, "pad_token_id": 0, "decoder_start_token_id": end}))


def marian_names(name: str, weight: Any) -> list[tuple[str, Any]]:
    """Where one of our weights is in theirs, and which part of it."""
    if name == "head.scores.bias":
        return [("final_logits_bias", weight[None])]
    if name.endswith("target.weight"):
        return []
    parts = {
        "attention_norm": "self_attn_layer_norm", "cross_norm": "encoder_attn_layer_norm", "feed_norm": "final_layer_norm",
        "feed.inner": "fc1", "feed.output": "fc2", "attention.output": "self_attn.out_proj", "cross.output": "encoder_attn.out_proj",
    }  # fmt: skip
    side, _, number, rest = name.split(".", 3)
    part, kind = rest.rsplit(".", 1)
    before = f"model.{side}.layers.{number}"
    if part in parts:
        return [(f"{before}.{parts[part]}.{kind}", weight)]
    attention = {"attention.inputs": "self_attn", "cross.inputs": "encoder_attn"}[part]
    return [(f"{before}.{attention}.{each}_proj.{kind}", some) for each, some in zip("qkv", weight.chunk(3), strict=True)]
