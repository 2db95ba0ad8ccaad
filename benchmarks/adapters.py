"""``python -m benchmarks.adapters``: what each adapter adds to the first byte of a streamed answer, over the vendor's fake asked directly.

One connection at a time. Directly the fake gets the very bytes that the app sent it; both ways are asked in turn, and the median of the
differences counts: these machines are noisy, and the noise is in both. The whole answer is 64 words that come at once, each of which is read
and written again where the caller's wire is another.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks import machine
from benchmarks.results import Results, show
from tests.inference.contract import KEY, MODEL, SUBJECTS, streamed
from tests.inference.fakes.server import Fake, Received, serving_in_thread
from tests.inference.fakes.vendor import Said, Vendor
from tests.inference.identity.google_metadata import Metadata

REPORT = Path(".trimaran/reports/adapters.json")
MOST_MS = 2.0
NAMES = ("openai", "anthropic", "bedrock", "azure_openai", "azure_ai_inference", "vertex")
SAID = Said(text=tuple(f"word {number} " for number in range(64)))
ASK = msgspec.json.encode({"messages": [{"role": "user", "content": "Say it."}], "stream": True, "max_tokens": 128})
JSON = {"content-type": "application/json"}


class Asking:
    """One kept connection, on which one request is sent again and again and its answer read to the end."""

    def __init__(self, url: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        self._request = (path, dict(headers), body)

    def __call__(self) -> tuple[float, float]:
        """How long the first byte of the answer took, and the last, in ms."""
        path, headers, body = self._request
        began = time.perf_counter()
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.status
        answer.read(1)
        first = time.perf_counter()
        answer.read()
        return 1000 * (first - began), 1000 * (time.perf_counter() - began)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def behind_the_app(vendor: Vendor, fake: Fake, metadata: str) -> Iterator[machine.Running]:
    """The app with ``vendor`` as its only backend."""
    entry = {"adapter": vendor.adapter, "model": MODEL, "base_url": fake.url + vendor.base_path, **vendor.entry}
    routes = {
        "version": 1,
        "backends": {"b": entry},
        "models": {"chat": {"backends": [{"use": "b"}]}},
        "default_model": "chat",
    }
    text = msgspec.json.encode(routes).decode().replace("{", "{{").replace("}", "}}")  # `running` fills in {port}
    host = metadata.removeprefix("http://")
    environment = {
        **vendor.environment(KEY),
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
        "TRIMARAN_PORT": "{port}",
        "TRIMARAN_ENGINE": "none",
        "TRIMARAN_ROUTES_YAML": text,
    }
    with machine.running("app.main", ready="/health/live", environment=environment) as app:
        yield app


def again(received: Received, fake: Fake) -> Asking:
    """The request that the app sent, asked directly."""
    hop = ("host", "content-length", "connection")
    headers = {name: value for name, value in received.headers.items() if name not in hop}
    return Asking(fake.url, received.path, headers, received.raw)


def added_ms(vendor: Vendor, metadata: str, pairs: int) -> tuple[float, float, float]:
    """Medians: the direct answer's first byte, and what the app adds to the first byte and to the last."""
    with (
        serving_in_thread(streamed(vendor, *vendor.stream(SAID))) as fake,
        behind_the_app(vendor, fake, metadata) as app,
    ):
        through = Asking(app.url, "/v1/chat/completions", JSON, ASK)
        through()
        directly = again(fake.received[0], fake)
        for _ in range(10):
            through()
            directly()
        here, first, last = [], [], []
        for number in range(pairs):
            in_turn = (directly, through) if number % 2 else (through, directly)
            took = {asking: asking() for asking in in_turn}
            here.append(took[directly][0])
            first.append(took[through][0] - took[directly][0])
            last.append(took[through][1] - took[directly][1])
        through.close()
        directly.close()
    return statistics.median(here), statistics.median(first), statistics.median(last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    options = parser.parse_args()
    results = Results()
    subjects = {vendor.adapter: vendor for vendor in reversed(SUBJECTS)}
    with ExitStack() as stack:
        metadata = stack.enter_context(serving_in_thread(Metadata()))
        for name in NAMES:
            direct, first, last = added_ms(subjects[name], metadata.url, options.pairs)
            results.add(f"{name}: first byte, the fake asked directly", direct, "ms")
            results.at_most(f"{name}: added to the first byte", first, MOST_MS, "ms")
            results.add(f"{name}: added to the last of 64 words at once", last, "ms")
    show(results, "Each adapter over the fake asked directly, one connection", REPORT)


if __name__ == "__main__":
    main()
