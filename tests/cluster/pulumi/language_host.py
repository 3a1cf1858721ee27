"""What runs Python programs for the Pulumi CLI where Pulumi's own `pulumi-language-python` is not: no registry has it.

The CLI starts it with the engine's address, reads a port from its first line, and calls it there
(github.com/pulumi/pulumi proto/pulumi/language.proto). It answers what `pulumi preview`, `up`, `refresh` and `destroy`
ask, for a project with a virtual environment; whatever else is asked is refused as unimplemented.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

import grpc  # type: ignore[import-untyped]  # it has no types
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

_PROGRAM = Path(__file__).with_name("language_program.py")
_TOLD = 32
"""How a program exits that has told its error to the engine, which then says no more (language_program.py)."""
_WATCH_SECONDS = 1.0


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The service of one run of the CLI."""

    def __init__(self, engine: str) -> None:
        self._engine = engine

    def Handshake(self, request: Any, context: Any) -> language_pb2.LanguageHandshakeResponse:  # noqa: N802
        """Nothing to agree on."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        """A host without a version."""
        return plugin_pb2.PluginInfo()

    def GetRequiredPackages(self, request: Any, context: Any) -> language_pb2.GetRequiredPackagesResponse:  # noqa: N802
        """None ahead of time: the engine looks for a provider when the first resource asks for it."""
        return language_pb2.GetRequiredPackagesResponse()

    def Run(self, request: language_pb2.RunRequest, context: grpc.ServicerContext) -> language_pb2.RunResponse:  # noqa: N802
        """Run the project's program to its end; what it prints is the host's output, which the engine shows."""
        command = [_python(request.info), "-uP", str(_PROGRAM), self._engine]
        with subprocess.Popen(command, cwd=request.pwd, stdin=subprocess.PIPE) as program:
            context.add_callback(lambda: _end(program))
            program.communicate(request.SerializeToString())
        if program.returncode in (0, _TOLD):
            return language_pb2.RunResponse(bail=program.returncode == _TOLD)
        return language_pb2.RunResponse(error=f"the program exited with {program.returncode}")

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack, which serves until the engine ends the call."""
        if request.kind != "analyzer":
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"a plugin of kind {request.kind}")
        command = [_python(request.info), "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
        with subprocess.Popen(
            command,
            cwd=request.pwd,
            env={**os.environ, **dict(entry.split("=", 1) for entry in request.env)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as pack:
            context.add_callback(lambda: _end(pack))
            yield from _output(pack)
        yield language_pb2.RunPluginResponse(exitcode=pack.returncode)


def _python(info: language_pb2.ProgramInfo) -> str:
    """The interpreter of the virtual environment that Pulumi.yaml or PulumiPolicy.yaml names."""
    return str(Path(info.root_directory, info.options["virtualenv"], "bin", "python"))


def _output(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """What a process prints to either stream, as it does."""
    printed: SimpleQueue[language_pb2.RunPluginResponse | None] = SimpleQueue()

    def pass_on(file: IO[bytes] | None, as_answer: Callable[[bytes], language_pb2.RunPluginResponse]) -> None:
        for line in file or ():
            printed.put(as_answer(line))
        printed.put(None)

    readers = [
        Thread(target=pass_on, args=(process.stdout, lambda line: language_pb2.RunPluginResponse(stdout=line))),
        Thread(target=pass_on, args=(process.stderr, lambda line: language_pb2.RunPluginResponse(stderr=line))),
    ]
    for reader in readers:
        reader.start()
    for _ in readers:
        yield from iter(printed.get, None)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()


def main(engine: str) -> None:
    """Serve until the CLI interrupts it, or is gone."""
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor())
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the CLI waits for it
    with suppress(KeyboardInterrupt):
        while os.getppid() == parent and server.wait_for_termination(_WATCH_SECONDS):
            pass
    server.stop(None)


if __name__ == "__main__":
    main(sys.argv[-1])
