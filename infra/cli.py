"""The edge of the `infra` command: streams, signals and exit codes. What the commands do is in commands/.

Imports nothing slow by itself, so that Ctrl-C is answered in words from the first moment on.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence

BAD_INPUT = 2
BROKEN = 70
"""Our own fault (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
UNREAD = 141
"""What a shell reports for a program that wrote into a closed pipe."""
TRACE = "INFERENCE_TRACEBACK"
"""Environment variable that lets a traceback through, to report a bug with."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code and never raises for what a user did."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            # A terminal that is not UTF-8 shows \xb7 for a dot; that is better than a traceback.
            reconfigure(errors="backslashreplace")
    # What a run makes lives to its end: to look for garbage in it took a quarter of a large fleet's time.
    collects = gc.isenabled()
    gc.disable()
    try:
        code = _guarded(list(sys.argv[1:] if arguments is None else arguments))
    finally:
        if collects:
            gc.enable()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        code = BAD_INPUT
        with contextlib.suppress(OSError):
            os.write(2, f"infra: cannot write the output: {error.strerror}\n".encode())
    else:
        return code
    # Python would flush again while it exits, and complain.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _guarded(arguments: list[str]) -> int:
    try:
        from .commands import ClosedPipeError, run  # noqa: PLC0415 - inside the guard, see above

        try:
            return run(arguments)
        except ClosedPipeError:
            return UNREAD
    except KeyboardInterrupt:
        return _last_words("interrupted", INTERRUPTED)
    except (RecursionError, MemoryError) as error:
        what = "memory" if isinstance(error, MemoryError) else "levels of nesting"
        return _last_words(f"the input needs more {what} than there are; check what is in it", BAD_INPUT)
    except Exception as error:
        # The last resort: a bug is told in words, without anybody's values.
        if os.environ.get(TRACE):
            raise
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "unknown"  # noqa: PTH119
        words = f"a bug of ours, {type(error).__name__} at {where}; please report it with {TRACE}=1 set"
        return _last_words(words, BROKEN)


def _last_words(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"infra: {text}\n")
    return code
