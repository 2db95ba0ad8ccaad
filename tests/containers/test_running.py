"""The image as clusters run it: read-only, without capabilities, not as root; it answers, says how it is, and ends well."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from delivery.images.archive import Contents
from providers.machine.ports import free_port
from tests.containers.runtime import Container, running, status_of

pytestmark = [pytest.mark.xdist_group("containers"), pytest.mark.timeout(900)]


@contextmanager
def _started(rootfs: Path, embedded: Contents, scratch: Path, **told: str) -> Iterator[Container]:
    """The image with the model, told where to listen and what else a test wants."""
    port = free_port()
    environment = {"TRIMARAN_HOST": "127.0.0.1", "TRIMARAN_PORT": str(port), **told}
    with running(rootfs, embedded.config, environment, port, scratch / "run") as started:
        yield started


@pytest.fixture(scope="module")
def container(rootfs: Path, embedded: Contents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """One for the tests that leave it running."""
    with _started(rootfs, embedded, tmp_path_factory.mktemp("container")) as started:
        yield started


def _asked(container: Container, **fields: Any) -> HTTPResponse:
    body = {"messages": [{"role": "user", "content": "Count from one to a hundred."}], **fields}
    request = urllib.request.Request(
        f"{container.url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=120)
    return answer


def test_it_answers_with_its_own_model_and_next_to_no_rights(container: Container) -> None:
    """As process 1 with nothing between it and the signals, and its own health check finds it well."""
    answer = json.load(_asked(container, max_tokens=8))
    status = status_of(container.pid)

    assert answer["choices"][0]["message"]["content"]
    assert status["Uid"].split() == ["10001"] * 4
    assert (status["CapEff"], status["CapBnd"], status["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
    assert status["NSpid"].split()[-1] == "1"
    assert Path(f"/proc/{container.pid}/cmdline").read_text().split("\0")[:3] == ["python3", "-m", "app.main"]


def test_its_health_check_tells_well_from_ill(container: Container, embedded: Contents) -> None:
    """The very command that is in the image."""
    kind, *command = embedded.config["Healthcheck"]["Test"]

    well = container.run(["env", f"TRIMARAN_PORT={container.url.rpartition(':')[2]}", *command])
    ill = container.run(["env", f"TRIMARAN_PORT={free_port()}", *command])

    assert kind == "CMD"
    assert (well.returncode, well.stderr) == (0, "")
    assert ill.returncode == 1
    assert "nothing answers" in ill.stderr


def test_it_can_write_to_tmp_alone(container: Container) -> None:
    """Tried in every directory that there is."""
    tried = 'for each in / /srv /srv/app /opt /etc /var/tmp /run /usr/bin /tmp; do touch "$each/x" 2>/dev/null && echo "$each"; done; true'

    assert container.run(["sh", "-c", tried]).stdout.split() == ["/tmp"]


def test_a_running_stream_ends_as_it_should_when_the_container_is_stopped(
    rootfs: Path, embedded: Contents, tmp_path: Path
) -> None:
    """SIGTERM comes in the middle of it; the answer is whole, and the app ends by itself with 0."""
    with _started(rootfs, embedded, tmp_path, TRIMARAN_DRAIN_S="120") as container:
        first_process = container.pid
        answer = _asked(container, max_tokens=16, stream=True)
        first = answer.readline()
        os.kill(first_process, signal.SIGTERM)
        rest = answer.read().decode()
        status = container.process.wait(60)

    assert "stopping: 1 answers" in container.log.read_text()
    assert first.startswith(b"data: ")
    assert rest.rstrip().endswith("data: [DONE]")
    assert '"finish_reason":"length"' in rest or '"finish_reason":"stop"' in rest
    assert status == 0
