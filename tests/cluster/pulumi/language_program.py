"""Runs one Pulumi program, as `pulumi-language-python-exec` does; language_host.py starts it with the engine's address.

The request comes on stdin: a RunRequest of github.com/pulumi/pulumi proto/pulumi/language.proto.
"""

from __future__ import annotations

import asyncio
import logging
import runpy
import sys
import traceback
from pathlib import Path

import pulumi
from pulumi.runtime.proto import language_pb2

_TOLD = 32
"""Exit code of a program that has told its error to the engine."""


def main(engine: str) -> int:
    """Run the program, and tell the engine why when it cannot."""
    request = language_pb2.RunRequest.FromString(sys.stdin.buffer.read())
    pulumi.runtime.set_all_config(dict(request.config), list(request.configSecretKeys))
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=request.project,
            stack=request.stack,
            monitor=request.monitor_address,
            engine=engine,
            parallel=request.parallel,
            dry_run=request.dryRun,
            organization=request.organization,
            root_directory=request.info.root_directory,
        )
    )
    program = str(Path(request.info.program_directory, request.info.entry_point))
    # A program that fails leaves futures behind that nobody awaits, and asyncio would complain about each.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return _TOLD
    except Exception:  # noqa: BLE001 - whatever a program raises is for the person who runs it
        pulumi.log.error(f"Program failed with an unhandled exception:\n{traceback.format_exc()}")
        return _TOLD
    finally:
        loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
