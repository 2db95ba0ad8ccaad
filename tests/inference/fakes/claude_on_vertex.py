"""Claude on Vertex AI, faked at the wire: Anthropic's answers, on Google's paths and behind Google's credential; Google's errors where its front answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.inference.identity.identity import Bearer, Identity
from tests.inference.fakes import gemini
from tests.inference.fakes.anthropic import Anthropic
from tests.inference.fakes.server import Received, Reply
from tests.inference.fakes.vendor import Asked, Fault

_MODELS = f"{gemini.MODELS}/anthropic/models/"
# What Google answers before Anthropic's model is asked.
_GOOGLES = frozenset({Fault.WRONG_KEY, Fault.NO_ACCESS, Fault.NO_MODEL, Fault.NO_MONEY, Fault.RATE_LIMITED})


class ClaudeOnVertex(Anthropic):
    adapter = "vertex"
    entry: Mapping[str, str] = {
        "project": gemini.PROJECT,
        "location": gemini.LOCATION,
        "model": "anthropic/vendor-model-1",
    }

    def identities(self, key: str) -> dict[tuple[str, ...], Identity]:
        return {("google", "access_token"): Bearer(lambda: key)}

    def fault(self, fault: Fault, key: str = "") -> Reply:
        return gemini.Gemini().fault(fault, key) if fault in _GOOGLES else super().fault(fault, key)

    def asked(self, received: Received) -> Asked:
        path, _, method = received.path.rpartition(":")
        body = received.body
        assert "model" not in body
        assert body["anthropic_version"] == "vertex-2023-10-16"
        assert body["stream"] is (method == "streamRawPredict")
        return super().asked(replace(received, body={**body, "model": path.removeprefix(_MODELS)}))
