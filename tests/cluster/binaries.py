"""Programs built once from Go modules of ours, and kept outside the repository."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .place import cache, say

_PROGRESS_SECONDS = 20


class MissingToolError(RuntimeError):
    """Something this machine must have, and how to get it."""


def _no_values(versions: Mapping[str, str]) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class GoModule:
    """A Go module of ours: what it builds, and which files of its dependencies that needs.

    Attributes:
        folder: where its go.mod and go.sum are, and its own Go files, if any.
        title: what it builds, for a person who waits.
        packages: what `go build` is given; `tool` is all that go.mod calls a tool.
        renamed: programs that are called otherwise than Go names them.
        values: what the linker sets, by variable, from the versions of the modules it requires.
        files: files of its dependencies, by where they are kept: the module, and the path in it.
    """

    folder: Path
    title: str
    packages: str = "tool"
    renamed: Mapping[str, str] = field(default_factory=dict)
    values: Callable[[Mapping[str, str]], Mapping[str, str]] = _no_values
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A Go command that has run in the module, well or not.

        Raises:
            MissingToolError: without Go.
        """
        try:
            return subprocess.run(("go", *arguments), cwd=self.folder, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise MissingToolError(
                f"the {self.title} is built with Go, and `go` is not on PATH; see https://go.dev/dl"
            ) from None

    def go(self, *arguments: str) -> str:
        """The output of a Go command, run in the module.

        Raises:
            MissingToolError: without Go, or when Go cannot get a module.
        """
        done = self.run(*arguments)
        if done.returncode:
            raise MissingToolError(f"go {' '.join(arguments)} failed:\n{done.stderr.strip()[-2000:]}")
        return done.stdout

    def versions(self) -> dict[str, str]:
        """Versions of the modules it requires, from go.mod: `k8s.io/kubernetes` is `v1.36.3`."""
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        return dict(re.findall(r"^(?:\t|require )(\S+) (v\S+)", text, flags=re.MULTILINE))

    def installed(self) -> Path:
        """The folder with `bin/` and `files`, built first when this version of the module was not built before.

        Raises:
            MissingToolError: when it cannot be built here.
        """
        sources = [self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))]
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
        target = cache() / f"{digest}-{os.uname().sysname.lower()}-{os.uname().machine}"
        if target.is_dir():
            return target
        cache().mkdir(parents=True, exist_ok=True)
        with self._locked(cache() / "build.lock"):
            if not target.is_dir():
                work = target.with_name(f"{target.name}.new")
                shutil.rmtree(work, ignore_errors=True)
                self._build(work / "bin")
                self._copy_files(work)
                work.rename(target)
        return target

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another build", about=self.title)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _build(self, target: Path) -> None:
        say("building it from its Go modules, once: several minutes", about=self.title)
        total = len(self.go("list", "-deps", self.packages).splitlines())
        started = time.monotonic()
        values = " ".join(f"-X {name}={value}" for name, value in self.values(self.versions()).items())
        command = ["go", "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {values}"]
        target.mkdir(parents=True)
        with subprocess.Popen(
            [*command, "-o", f"{target}/", self.packages],
            cwd=self.folder,
            # Without a C compiler too, which Go would otherwise use where there is one.
            env={**os.environ, "CGO_ENABLED": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as build:
            lines: list[str] = []
            reader = threading.Thread(target=lambda: lines.extend(build.stderr or ()), daemon=True)
            reader.start()
            try:
                while build.poll() is None:
                    time.sleep(0.2)
                    if (passed := int(time.monotonic() - started)) and passed % _PROGRESS_SECONDS == 0:
                        so_far = f"{len(lines)} of at most {total} packages compiled"
                        say(f"{so_far}, {passed // 60} min {passed % 60:02} s", about=self.title)
                        time.sleep(1)
            except BaseException:
                build.terminate()
                raise
            reader.join()
        if build.returncode:
            raise MissingToolError(f"the {self.title} cannot be built:\n" + "".join(lines)[-3000:])
        for built, name in self.renamed.items():
            (target / built).rename(target / name)
        say(f"built in {time.monotonic() - started:.0f} s", about=self.title)

    def _copy_files(self, target: Path) -> None:
        folders: dict[str, Path] = {}
        for name, (module, path) in self.files.items():
            if module not in folders:
                folders[module] = Path(json.loads(self.go("list", "-m", "-json", module))["Dir"])
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folders[module] / path, target / name)
