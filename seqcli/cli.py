"""The verbs, one line each, and how a command ends."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from seqcli import __version__
from seqcli.errors import Failure, UsageFailure, nearest

INTERRUPTED = 130
VERBS = {
    "tag": "Tag text: a part of speech, or another label, for every word.",
    "tokenize": "Cut text into pieces: subwords, characters or words.",
    "embed": "Turn words or lines into vectors; ask them questions.",
    "train": "Train a model on your own data.",
    "beam": "Write texts with a model: greedy, beam search, sampling, MBR; say why it errs.",
    "translate": "Translate line by line with a trained model.",
    "score": "Score translations, tags or values beside a reference, or a text by a model.",
    "models": "List the shipped models, show one's card, import or export word vectors.",
}
STYLE: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}


class Verbs(TyperGroup):
    """Imports a verb when it is called, and none to list them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (click gives it)
        """The verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  (click gives it)
        """The verb's command: `seqcli.verbs.NAME.NAME` is a function, or a Typer application of its own."""
        if cmd_name not in VERBS:
            raise UsageFailure(f"no verb is called {cmd_name!r}", hint=nearest(cmd_name, VERBS))
        verb = getattr(import_module(f"seqcli.verbs.{cmd_name}"), cmd_name)
        if not isinstance(verb, typer.Typer):
            function, verb = verb, typer.Typer(**STYLE)
            verb.command(cmd_name)(function)
        return get_command(verb)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  (click gives it)
        """The verbs, one line each."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


app = typer.Typer(
    name="seq",
    cls=Verbs,
    help="Sequence modelling on one command line. (With numbers only, `seq 1 10` is coreutils' seq.)",
    context_settings={"help_option_names": ["-h", "--help"]},
    **STYLE,
)


@app.callback(invoke_without_command=True)
def program(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
) -> None:
    """Options before the verb."""
    if version:
        sys.stdout.write(f"seq {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(2)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code: 0, 1 failure, 2 usage, 130 interrupt. A closed pipe ends silently."""
    debug = "--debug" in arguments
    heed_signals()
    if not prepare_streams():
        return 1
    try:
        code = invoke([argument for argument in arguments if argument != "--debug"])
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Failure as failure:
        if debug:
            raise
        return complain(str(failure), failure.exit_code)
    except OSError as error:
        if debug:
            raise
        return complain(describe(error), 1)
    except MemoryError:
        return complain("out of memory (smaller inputs, or fewer --jobs)", 1)
    return code


def invoke(arguments: list[str]) -> int:
    """Parse and call the verb; a usage error becomes one line."""
    command = get_command(app)
    try:
        with command.make_context("seq", arguments) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        message = getattr(error, "format_message", None)  # Typer's usage errors; their class has no public name
        if message is None:
            raise
        where = getattr(getattr(error, "ctx", None), "command_path", "seq")
        return complain(" ".join(message().split()), getattr(error, "exit_code", 2), where)
    return 0


def complain(message: str, code: int, where: str = "seq") -> int:
    """One line on standard error."""
    silence_if_gone()
    sys.stderr.write(f"{where}: {message}\n".replace("\n", " ").rstrip() + "\n")
    return code


def describe(error: OSError) -> str:
    """What the system could not do, and with which file."""
    if error.errno == errno.ENOSPC:
        silence()
        return f"cannot write {error.filename or 'the results'}: no space left on the device"
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def silence_if_gone() -> None:
    """Flush what was written; if the reader is gone or the disk full, let no later flush complain again."""
    try:
        sys.stdout.flush()
    except OSError:
        silence()


def silence() -> None:
    """Point standard output at nothing, so that the interpreter's last flush cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def prepare_streams() -> bool:
    """UTF-8 whatever the locale says; False if there is no standard output. What the caller has closed is None."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (open as long as the process)
    if sys.stdout is None:
        sys.stderr.write("seq: standard output is closed\n")
        return False
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    return True


def heed_signals() -> None:
    """Handlers for the signals that end a program, unless the caller has them ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not every system has both
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, terminate)


def terminate(number: int, _frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that half-written files go."""
    sys.exit(128 + number)
