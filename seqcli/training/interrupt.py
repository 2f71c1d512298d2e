"""Ctrl-C between two steps instead of in the middle of one; a second Ctrl-C is not put off."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupt:
    """Whether there was a Ctrl-C."""

    asked: bool = False
    put_off: bool = True  # while not, Ctrl-C acts at once

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """What the signal calls."""
        if self.asked or not self.put_off:
            signal.default_int_handler(number, frame)
        self.asked = True


@contextmanager
def put_off() -> Iterator[Interrupt]:
    """While this lasts, a Ctrl-C is noted. In a thread of its own a training cannot be asked that way."""
    found = Interrupt()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != signal.default_int_handler:
        yield found
        return
    signal.signal(signal.SIGINT, found)
    try:
        yield found
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
