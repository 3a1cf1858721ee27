"""Work beside our own, in a second process that starts with everything this one has in memory."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Result = TypeVar("Result")
LARGE = 1000
"""Resources of a plan from which on a second process saves more than it costs, some hundredths of a second."""


def can_fork() -> bool:
    """Whether a second process would be safe and of use: on Linux, without threads, with a second core.

    macOS' libraries do not survive a fork (docs.python.org/3/library/multiprocessing.html, "Contexts and start
    methods"), and a lock that another thread holds stays locked in the child for ever.
    """
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


class Beside(Generic[Result]):
    """Work that goes on in a child."""

    def __init__(self, work: Callable[[], Result]) -> None:
        import multiprocessing  # noqa: PLC0415 - takes as long as a small environment

        context = multiprocessing.get_context("fork")
        self._answers, sender = context.Pipe(duplex=False)
        self._child = context.Process(target=_answer, args=(sender, work))
        self._child.start()
        sender.close()

    def result(self) -> Result:
        """Wait for it; what it raised is raised here."""
        try:
            returned, raised = self._answers.recv()
        except EOFError:
            self._child.join()
            raise OSError(f"a process of ours was ended (exit code {self._child.exitcode})") from None
        if raised:
            raise raised
        return returned  # type: ignore[no-any-return]  # the child sends what `work` returned

    def end(self) -> None:
        """End it, whatever it has done so far."""
        if self._child.is_alive():
            self._child.terminate()
        self._child.join()
        self._answers.close()


@contextmanager
def beside(work: Callable[[], Result]) -> Iterator[Beside[Result]]:
    """Start work in a child, which does not outlive the block."""
    child = Beside(work)
    try:
        yield child
    finally:
        child.end()


def _answer(sender: Connection, work: Callable[[], Result]) -> None:
    try:
        sender.send((work(), None))
    except Exception as error:  # noqa: BLE001 - it is raised by whoever waits for the result
        sender.send((None, error))
