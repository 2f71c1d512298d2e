"""Where a training runs, with which numbers and with how many threads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from seqcli.errors import Failure
from seqcli.models.learning import Training

if TYPE_CHECKING:
    import torch


def device(settings: Training) -> str:
    """`cpu` or `cuda`.

    Raises:
        Failure: there is no GPU, and one is asked for; or no compiler for `torch.compile`.
    """
    import torch

    found = settings.device if settings.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if found == "cuda" and not torch.cuda.is_available():
        raise Failure("device=cuda: torch finds no GPU", hint="--set device=cpu")
    if settings.compile and found == "cpu" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise Failure("compile=true needs a C++ compiler on this machine", hint="--set compile=false")
    return found


def lower_precision(settings: Training, found: str) -> torch.dtype | None:
    """What matrix products are computed in, if not in float32.

    Raises:
        Failure: bf16, on hardware that would only imitate it, at a small part of the speed.
    """
    import torch

    has = torch.cuda.is_bf16_supported(including_emulation=False) if found == "cuda" else cpu_has_bf16()
    if settings.precision == "bf16" and not has:
        raise Failure(f"precision=bf16: this {found} has no bf16, and would be many times slower", hint="--set precision=float32")
    wanted = settings.precision == "bf16" or (settings.precision == "auto" and has and found == "cuda")
    return torch.bfloat16 if wanted else None


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself: AVX-512 BF16 or AMX."""
    import torch

    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


@contextmanager
def threads(count: int) -> Iterator[int]:
    """While this lasts, torch takes so many threads, or as many as it did for 0; yields how many."""
    import torch

    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
