"""How far a training is: a line that moves on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Report = Callable[[str], None]
REDRAW, RETELL = 0.25, 30.0  # seconds


@dataclass
class Status:
    """What is known at a step."""

    step: int
    epoch: int  # the first is 1
    loss: float | None  # mean a unit, nats
    speed: float  # units a second
    unit: str = "tokens"
    done: float | None = None  # from 0 to 1, where it is known
    left: float | None = None  # seconds
    dev: str = ""  # the last measures

    def __str__(self) -> str:
        parts = [
            f"epoch {self.epoch}, step {self.step:,}",
            f"loss {self.loss:.4f}" if self.loss is not None else "",
            self.dev,
            f"{self.speed:,.0f} {self.unit}/s" if self.speed else "",
            f"{clock(self.left)} left" if self.left is not None else "",
        ]
        return ", ".join(filter(None, parts))


def clock(seconds: float) -> str:
    """A time to come.

    >>> clock(42), clock(150), clock(7300)
    ('42 s', '2 min', '2 h 1 min')
    """
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@dataclass
class Progress:
    """Shows a status now and then; quiet, it shows nothing but what must be said."""

    report: Report
    quiet: bool = False
    told: float = field(default_factory=time.monotonic)
    bar: Any = None

    def __enter__(self) -> Progress:
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(bar_width=16), TextColumn("{task.description}", markup=False))
            self.bar = Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
            self.bar.start()
            self.bar.add_task("", total=None)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar:
            self.bar.stop()

    @property
    def due(self) -> bool:
        """Whether it is time to show something."""
        return not self.quiet and time.monotonic() - self.told > (REDRAW if self.bar else RETELL)

    def show(self, status: Status) -> None:
        """The line on a terminal, or another line in a log."""
        self.told = time.monotonic()
        if not self.bar:
            self.report(str(status))
            return
        task = self.bar.task_ids[0]
        self.bar.update(task, description=str(status), completed=status.done or 0, total=None if status.done is None else 1)
        self.bar.refresh()

    def tell(self, line: str) -> None:
        """A line that stays."""
        if not self.quiet:
            self.told = time.monotonic()
            self.report(line)
