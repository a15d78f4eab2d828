"""How commands speak: results on stdout, all else on stderr; one line for an error, and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from anchor_service.ports import AlreadyThere, CannotPay, ChainRefused, NotFound, StoreRefused
from anchor_service.protocol.errors import Malformed, SealtrailError

NOT_WHOLE: Final = 1
BAD_INPUT: Final = 2
COULD_NOT: Final = 3
REFUSED: Final = 4
OUR_BUG: Final = 70
INTERRUPTED: Final = 130

_WIDE: Final = 1_000

EXIT_CODES: Final = (
    "Exit codes: 0 done, 1 not verified or damaged, 2 bad usage or input, 3 could not (try again later), "
    "4 refused to open or create, 70 a fault of Sealtrail, 130 interrupted."
)


class Failure(Exception):
    """What a command has to say before it ends with this exit code."""

    def __init__(self, message: str, code: int = COULD_NOT) -> None:
        super().__init__(message)
        self.code = code


def out() -> Console:
    """The console of results; made when asked for, so that it is today's stdout."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, soft_wrap=True, width=_WIDE)  # whoever reads a pipe wants tables whole


def err() -> Console:
    """The console of progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; plain lines, one when it begins and one when it ends, elsewhere.

    The yielded function takes how much is done, and of how much (0: not known).
    """
    console = err()
    if not console.is_terminal:
        console.print(escape(f"{what} …"))
        last = [0, 0]

        def note(done: int, total: int) -> None:
            last[:] = done, total

        yield note
        console.print(escape(f"{what}: done" + (f", {last[0]} of {last[1]}" if last[1] else "")))
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(escape(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def guarded(command: Callable[[], None]) -> int:
    """Run a command and return its exit code; whatever it raises becomes one line."""
    try:
        command()
    except Failure as error:
        return _say(str(error), error.code)
    except SealtrailError as error:
        return _say(f"{error.message} ({error.code})", _code_of(error))
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        return _say(f"{error.strerror or type(error).__name__}{place}", COULD_NOT)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the last resort: our own bug, told as one
        if os.environ.get("SEALTRAIL_TRACEBACK"):
            traceback.print_exc()
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        return _say(
            f"a fault of Sealtrail: {type(error).__name__} in {where} (SEALTRAIL_TRACEBACK=1 shows more)", OUR_BUG
        )
    return 0


def _code_of(error: SealtrailError) -> int:
    match error:
        case Malformed() | NotFound() | AlreadyThere():
            return BAD_INPUT
        case StoreRefused() | ChainRefused() | CannotPay():
            return REFUSED
        case _:
            return COULD_NOT


def _say(message: str, code: int) -> int:
    err().print(f"[bold red]sealtrail:[/] {escape(message)}")
    return code
