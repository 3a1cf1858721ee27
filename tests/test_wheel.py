"""The wheel that other teams install: built, installed where nothing else is, and used by a program of theirs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import sys

# The repository itself must not be what is found.
sys.path = [sys.argv[1], *(entry for entry in sys.path if entry != sys.argv[2])]

import pulumi


class Mocks(pulumi.runtime.Mocks):
    made = []

    def new_resource(self, args):
        Mocks.made.append((args.typ, args.name, args.inputs))
        return f"{args.name}-id", args.inputs

    def call(self, args):
        return {}


pulumi.runtime.set_mocks(Mocks(), preview=False)

import inference_components
from inference_components import GpuNodePool, GpuNodePoolConfig, ModelServer, ModelServerConfig, Nodes, TgiEngine


@pulumi.runtime.test
def program():
    config = GpuNodePoolConfig(accelerator="nvidia-l4", machine_type="g2-standard-12", nodes=Nodes(max=4))
    pool = GpuNodePool("l4", config, cluster="shared", project="p", location="us-central1")
    settings = ModelServerConfig(model="Qwen/Qwen2.5-7B-Instruct", engine=TgiEngine())
    chat = ModelServer("chat", settings, runs_on=[pool])
    return pulumi.Output.all(chat.url, pool.name).apply(print)


program()
kinds = {typ for typ, _, _ in Mocks.made}
wanted = {"inference:index:ModelServer", "kubernetes:apps/v1:Deployment", "gcp:container/nodePool:NodePool"}
assert wanted <= kinds, kinds
assert not any(name.partition(".")[0] in ("components", "infra") for name in sys.modules)
assert inference_components.__file__.startswith(sys.argv[1])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT / "components", check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_under_its_own_name_with_facts_types_and_license(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    modules = {path.relative_to(ROOT / "components") for path in (ROOT / "components").rglob("*.py")}
    tables = {path.relative_to(ROOT / "components") for path in (ROOT / "components").rglob("*.tsv")}
    assert {f"inference_components/{path}" for path in modules | tables} <= names
    assert "inference_components/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    strangers = {name for name in names if not name.startswith(("inference_components/", "inference_components-"))}
    assert not strangers
    assert not any("pyproject" in name or "__pycache__" in name for name in names)


def test_a_program_with_nothing_but_the_wheel_registers_a_pool_and_a_model(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, capture_output=True)
    (tmp_path / "program.py").write_text(PROGRAM)

    done = subprocess.run(
        [sys.executable, "-P", "program.py", str(target), str(ROOT)],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "http://chat.inference.svc" in done.stdout
