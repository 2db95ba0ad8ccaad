"""An endpoint of one's own on Vertex AI, faked at the wire: OpenAI's answers of the container, on Google's path and behind Google's credential."""

from __future__ import annotations

from collections.abc import Mapping

from app.inference.identity.identity import Bearer, Identity
from tests.inference.fakes import gemini
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Received, Reply
from tests.inference.fakes.vendor import Asked, Fault

ENDPOINT = "1234567890"
PATH = f"/v1/projects/{gemini.PROJECT}/locations/{gemini.LOCATION}/endpoints/{ENDPOINT}"
_GOOGLES = frozenset({Fault.WRONG_KEY, Fault.NO_ACCESS, Fault.NO_MODEL, Fault.NO_MONEY})


class OpenAIOnVertex(OpenAI):
    base_path = ""
    entry: Mapping[str, str] = {"project": gemini.PROJECT, "location": gemini.LOCATION, "endpoint": ENDPOINT}

    def __init__(self) -> None:
        super().__init__("vertex")

    def identities(self, key: str) -> dict[tuple[str, ...], Identity]:
        return {("google", "access_token"): Bearer(lambda: key)}

    def fault(self, fault: Fault, key: str = "") -> Reply:
        return gemini.Gemini().fault(fault, key) if fault in _GOOGLES else super().fault(fault, key)

    def asked(self, received: Received) -> Asked:
        asked = super().asked(received)
        assert received.path == f"{PATH}:{'streamRawPredict' if asked.stream else 'rawPredict'}"
        return asked
