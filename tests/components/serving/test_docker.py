"""A model server on one machine: what its pod has, it has with Docker, in a file that Compose accepts."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigError
from components.engines.custom.config import CustomEngine, MetricsConfig
from components.engines.image_facts import http_tool
from components.engines.tgi.config import TgiEngine
from components.serving.config import ModelServerConfig, ResourcesConfig, SecretKeyConfig, SecurityConfig
from components.serving.docker import Container, Vendor, compose, container, run_commands, run_script
from components.weights.hub_token import ExistingSecret
from infra.render.yaml_text import to_yaml

SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
"""Of the Compose specification, as the package check-jsonschema carries it: its release is locked with a hash."""
LLAMA = "meta-llama/Meta-Llama-3.1-8B-Instruct"
TOKEN = "hf_" + "x" * 34


def box(engine: Any = None, *, gpus: int = 1, vendor: Vendor = "nvidia", **fields: Any) -> Container:
    config = ModelServerConfig(**{"model": LLAMA, "engine": engine or TgiEngine(), **fields})
    used = config.engine.on_amd() if vendor == "amd" and isinstance(config.engine, TgiEngine) else config.engine
    launch = used.launch(config.model, config.revision, gpus)
    return container("llama", config, launch, gpus=gpus, vendor=vendor)


SCENARIOS: dict[str, Container] = {
    "one GPU": box(TgiEngine(max_batch_prefill_tokens=8192, max_total_tokens=4096, max_input_tokens=3072)),
    "gated": box(hf_token=ExistingSecret()),
    "AMD": box(vendor="amd"),
    "four GPUs": box(TgiEngine(max_concurrent_requests=256), gpus=4, shared_memory="64Gi"),
    "quantized": box(TgiEngine(quantize="gptq"), model="TheBloke/Llama-2-7B-GPTQ"),
    "gated on AMD": box(vendor="amd", hf_token=ExistingSecret(), gpus=2),
    "no GPU": box(CustomEngine(image="registry.example.com/server:1"), gpus=0),
    "limits and a key": box(
        resources=ResourcesConfig(memory="32Gi", cpu_limit="7500m"),
        secret_env={"API_KEY": SecretKeyConfig(name="keys", key="api")},
    ),
}
"""What section 2 of the source document starts with Docker, and what it leaves out."""


def server(box: Container) -> dict[str, Any]:
    found: dict[str, Any] = compose(box)["services"][box.name]
    return found


def flag(box: Container, name: str) -> list[str]:
    """The values of a flag of `docker run`."""
    return [word.partition("=")[2] for word in run_commands(box)[-1] if word.partition("=")[0] == name]


@pytest.mark.parametrize("box", SCENARIOS.values(), ids=SCENARIOS)
class TestEveryScenario:
    def test_compose_accepts_the_file(self, box: Container) -> None:
        text = to_yaml(compose(box))
        jsonschema.validate(yaml.safe_load(text), SCHEMA)
        assert yaml.safe_load(text) == compose(box)

    def test_both_forms_start_the_same_container(self, box: Container) -> None:
        service = server(box)
        line = run_commands(box)[-1]
        assert flag(box, "--user") == [service["user"]]
        assert flag(box, "--shm-size") == [service["shm_size"]]
        assert flag(box, "--tmpfs") == service["tmpfs"]
        assert flag(box, "--publish") == service["ports"]
        assert flag(box, "--volume") == [f"{mount['source']}:{mount['target']}" for mount in service["volumes"]]
        assert flag(box, "--stop-timeout") == [service["stop_grace_period"].removesuffix("s")]
        assert flag(box, "--restart") == [service["restart"]]
        assert ("--read-only" in line) is service["read_only"]
        assert line[line.index(box.image) + 1 :] == [word.replace("$$", "$") for word in service.get("command", [])]
        names = [word.partition("=")[0] for word in flag(box, "--env")]
        assert names == list(service["environment"])

    def test_it_is_hardened_like_its_pod(self, box: Container) -> None:
        service = server(box)
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert not {"privileged", "cap_add", "ipc", "network_mode", "pid"} & service.keys()
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        line = run_commands(box)[-1]
        assert {"--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--read-only"} <= {*line}

    def test_the_script_hands_docker_exactly_these_words(self, box: Container, tmp_path: Path) -> None:
        environment = {**dict.fromkeys(box.handed_over, TOKEN)}
        assert _run(run_script(box), tmp_path, environment) == [command[1:] for command in run_commands(box)]

    def test_no_credential_is_written(self, box: Container, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in box.handed_over:
            monkeypatch.setenv(name, TOKEN)
        assert TOKEN not in run_script(box) + to_yaml(compose(box))


def _run(script: str, folder: Path, environment: dict[str, str]) -> list[list[str]]:
    """Run a script with a `docker` that only notes what it is given."""
    fake = folder / "docker"
    fake.write_text(
        '#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done >> "$NOTES"\nprintf "\\n\\0" >> "$NOTES"\n'
    )
    fake.chmod(0o755)
    notes = folder / "notes"
    path = {"PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes)}
    subprocess.run(["sh", "-c", script], env=path | environment, check=True, capture_output=True, cwd=folder)
    return [[*call.split("\0")][:-1] for call in notes.read_text().split("\n\0")[:-1]]


@pytest.mark.parametrize("scenario", ["gated", "limits and a key"])
def test_the_script_stops_where_a_credential_is_missing(scenario: str, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        _run(run_script(SCENARIOS[scenario]), tmp_path, {})
    name = SCENARIOS[scenario].handed_over[0]
    assert f"{name}: set it first, as in export {name}=$(cat FILE)" in failure.value.stderr.decode()
    assert not (tmp_path / "notes").exists()


def test_nvidia_gpus_are_counted() -> None:
    reserved = server(SCENARIOS["four GPUs"])["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 4, "capabilities": ["gpu"]}]
    assert flag(SCENARIOS["four GPUs"], "--gpus") == ["4"]
    assert server(SCENARIOS["four GPUs"])["command"][2:4] == ["--num-shard", "4"]


def test_amd_gpus_are_devices_and_have_an_image_of_their_own() -> None:
    service = server(SCENARIOS["AMD"])
    assert service["image"] == "ghcr.io/huggingface/text-generation-inference:3.3.6-rocm"
    assert service["devices"] == ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
    assert service["group_add"] == ["video"]
    assert "deploy" not in service
    assert flag(SCENARIOS["AMD"], "--device") == ["/dev/kfd", "/dev/dri"]
    assert flag(SCENARIOS["AMD"], "--gpus") == []


def test_a_machine_without_gpus_is_asked_for_none() -> None:
    assert not {"deploy", "devices", "group_add"} & server(SCENARIOS["no GPU"]).keys()
    assert flag(SCENARIOS["no GPU"], "--gpus") == flag(SCENARIOS["no GPU"], "--device") == []


def test_an_image_of_yours_is_not_taken_for_one_for_amd_gpus() -> None:
    with pytest.raises(ConfigError, match=r"engine\.image: got \"r.io/tgi:1\", which nobody knows to be built for AMD"):
        box(TgiEngine(image="r.io/tgi:1"), vendor="amd")


def test_a_token_comes_from_the_shell() -> None:
    gated = SCENARIOS["gated"]
    assert "HF_TOKEN" in flag(gated, "--env"), "a name without a value is taken from the environment"
    assert server(gated)["environment"]["HF_TOKEN"].startswith("${HF_TOKEN:?")
    assert "HF_TOKEN" not in server(SCENARIOS["one GPU"])["environment"]


def test_what_only_gke_has_is_left_out() -> None:
    """There the driver is mounted at /usr/local/nvidia; NVIDIA's toolkit puts it on the library path."""
    assert "TRITON_LIBCUDA_PATH" in TgiEngine().launch(LLAMA, None, 1).env
    assert not any("/usr/local/nvidia" in str(value) for value in server(SCENARIOS["one GPU"])["environment"].values())


def test_limits_are_taken_over() -> None:
    limited = SCENARIOS["limits and a key"]
    assert (server(limited)["mem_limit"], server(limited)["cpus"]) == (32 * 2**30, 7.5)
    assert flag(limited, "--memory") == [str(32 * 2**30)]
    assert flag(limited, "--cpus") == ["7.5"]


def test_a_new_volume_is_given_to_a_user_who_is_not_root() -> None:
    services = compose(SCENARIOS["no GPU"])["services"]
    owner = services["volume-owner"]
    assert owner["entrypoint"] == ["chown", "10001", "/models"]
    assert (owner["cap_drop"], owner["cap_add"], owner["network_mode"]) == (["ALL"], ["CHOWN"], "none")
    assert services["llama"]["depends_on"] == {"volume-owner": {"condition": "service_completed_successfully"}}
    first, last = run_commands(SCENARIOS["no GPU"])
    assert first[-3:] == ["registry.example.com/server:1", "10001", "/models"]
    assert "--rm" in first
    assert "--detach" in last
    assert "volume-owner" not in compose(SCENARIOS["one GPU"])["services"], "root owns a new volume"


def test_health_is_asked_with_what_the_image_has() -> None:
    check = server(SCENARIOS["one GPU"])["healthcheck"]
    assert check["test"] == ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/health"]
    assert (check["start_period"], check["interval"], check["retries"]) == ("1800s", "30s", 6)
    assert flag(SCENARIOS["one GPU"], "--health-cmd") == ["curl -fsS -o /dev/null http://127.0.0.1:8080/health"]
    assert "healthcheck" not in server(SCENARIOS["no GPU"]), "nobody knows what that image has"
    assert flag(SCENARIOS["no GPU"], "--health-cmd") == []


def test_a_mirror_of_an_image_has_the_same_tools() -> None:
    digest = f"sha256:{'0' * 64}"
    assert http_tool(f"r.io:5000/team/text-generation-inference:3.3.6@{digest}") == "curl"
    assert http_tool("text-embeddings-inference") == "bash"
    assert http_tool("r.io/team/unknown:1") == ""


def test_bash_alone_can_tell_a_healthy_server_from_a_broken_one(tmp_path: Path) -> None:
    image = "ghcr.io/huggingface/text-embeddings-inference:cuda-1.9"
    serving = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path[1:])); self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True); server.serve_forever()
"""
    with subprocess.Popen(["python3", "-c", serving], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        port = int(running.stdout.readline())
        codes = {}
        for status in ("200", "503"):
            probes = {"readiness": {"path": f"/{status}", "period_seconds": 5, "failure_threshold": 3}}
            asked = box(CustomEngine(image=image, port=port, probes=probes), gpus=0)
            codes[status] = subprocess.run(asked.health, check=False).returncode
        running.terminate()
    assert codes["200"] == 0
    assert codes["503"] != 0


def test_references_between_variables_are_resolved_because_docker_does_not() -> None:
    engine = CustomEngine(
        image="r.io/server:1",
        args=("--model", "$(MODEL_ID)", "--cost", "$$(5)", "--other", "$(UNKNOWN)"),
        env={"URL": "http://$(HOST)/x", "HOST": "a.io"},
        metrics=MetricsConfig(names={"x_total": "counter"}),
    )
    given = box(engine, gpus=0)
    assert given.arguments == ("--model", LLAMA, "--cost", "$(5)", "--other", "$(UNKNOWN)")
    assert given.environment["URL"] == "http://a.io/x"
    assert server(given)["command"][3] == "$$(5)", "Compose would take $( for a variable of its own"


def test_an_argument_that_holds_a_credential_is_refused() -> None:
    engine = CustomEngine(image="r.io/server:1", args=("--api-key", "$(API_KEY)"))
    with pytest.raises(ConfigError) as refusal:
        box(engine, gpus=0, secret_env={"API_KEY": SecretKeyConfig(name="keys", key="api")})
    assert str(refusal.value) == (
        'secret_env.API_KEY: "$(API_KEY)" stands for a credential; Docker shows arguments to everybody; let the server '
        "read the variable itself"
    )


def test_the_stack_may_soften_what_the_image_needs() -> None:
    softer = box(security=SecurityConfig(read_only_root=False, user=1000, group=1000))
    assert server(softer)["read_only"] is False
    assert "--read-only" not in run_commands(softer)[-1]
    assert flag(softer, "--user") == ["1000:1000"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), max_size=4))
def test_any_argument_survives_shell_and_compose(words: list[str]) -> None:
    engine = CustomEngine(image="r.io/server:1", args=tuple(words))
    given_box = box(engine, gpus=0)
    if all("$(" not in word and "$$" not in word for word in words):
        assert given_box.arguments == tuple(words)
    line = run_script(given_box).rpartition("docker run")[2].replace("\\\n", " ")
    assert shlex.split(line)[-len(words) :] == list(given_box.arguments) or not words
    command = yaml.safe_load(to_yaml(compose(given_box)))["services"]["llama"].get("command", [])
    assert [word.replace("$$", "$") for word in command] == list(given_box.arguments)
