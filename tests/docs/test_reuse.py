"""The programs of the documentation run as they are printed, against a recorder in the place of Pulumi's engine."""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.recorder import UNKNOWN, Recorder, Secret
from tests.docs.pages import ROOT, blocks

_PROGRAM = ROOT / "docs/how-to/reuse/__main__.py"
_CONFIG = {"inference:project": "my-project", "inference:hf_token": "hf_not_a_real_one"}
_CLUSTER = {
    "gcp:container/cluster:Cluster": {"endpoint": "203.0.113.5", "masterAuth": {"clusterCaCertificate": "Q0E="}}
}
_README_NEEDS = """
import pulumi
from inference_components import GkeCluster, GkeClusterConfig

config = pulumi.Config()
cluster = GkeCluster("demo", GkeClusterConfig(name="demo", project="my-project", location="us-central1"))
"""


@pytest.fixture
def library() -> Iterator[None]:
    """The library under the name its wheel gives it; tests/test_wheel.py installs the wheel itself."""
    folder = ROOT / "components"
    spec = importlib.util.spec_from_file_location(
        "inference_components", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec
    assert spec.loader
    package = importlib.util.module_from_spec(spec)
    sys.modules["inference_components"] = package
    spec.loader.exec_module(package)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "inference_components"]:
        del sys.modules[name]


def _run(**options: Any) -> Recorder:
    recorder = Recorder(config=_CONFIG, secret_keys=("inference:hf_token",), **options)

    def program() -> None:
        runpy.run_path(str(_PROGRAM), run_name="__main__")

    return recorder.run(program)


@pytest.mark.usefixtures("library")
def test_the_reuse_program_registers_a_cluster_a_pool_and_a_model() -> None:
    found = _run()
    made = [f"{entry.type.rpartition(':')[2]}/{entry.name}" for entry in found.resources if not entry.request.custom]
    assert made == ["GkeCluster/demo", "GpuNodePool/l4", "Namespace/inference", "ModelServer/llama"]
    assert found.exports == {"url": "http://llama.inference.svc.cluster.local"}


@pytest.mark.usefixtures("library")
def test_the_model_of_the_reuse_program_runs_on_its_pool_and_waits_for_it() -> None:
    found = _run()
    pod = found.named("llama-deployment").properties["spec"]["template"]["spec"]
    assert pod["nodeSelector"]["cloud.google.com/gke-nodepool"] == "l4"
    waits_for = {urn.rpartition("::")[2] for urn in found.named("llama", "ModelServer").request.dependencies}
    assert {"l4", "inference-namespace"} <= waits_for


@pytest.mark.usefixtures("library")
def test_the_token_of_the_reuse_program_stays_a_secret() -> None:
    assert _run().named("llama-hf-token").properties["stringData"] == {"token": Secret("hf_not_a_real_one")}


@pytest.mark.usefixtures("library")
def test_the_reuse_program_reaches_the_cluster_it_makes() -> None:
    preview, update = _run(), _run(preview=False, computed=_CLUSTER)
    assert preview.providers["kubernetes"].properties["kubeconfig"] == UNKNOWN
    identifier = "projects/my-project/locations/us-central1/clusters/demo"
    assert preview.providers["kubernetes"].properties["clusterIdentifier"] == identifier
    reached = json.loads(update.providers["kubernetes"].properties["kubeconfig"])
    assert reached["clusters"][0]["cluster"]["server"] == "https://203.0.113.5"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("block", list(blocks("python")), ids=str)
def test_a_python_block_runs(block: Any) -> None:
    program = compile(_README_NEEDS + block.text, str(block.page), "exec")
    found = Recorder(config=_CONFIG, secret_keys=("inference:hf_token",)).run(lambda: exec(program, {}))  # noqa: S102
    assert [entry for entry in found.resources if entry.type.endswith(":ModelServer")]
