"""Microsoft's APIs, faked at the wire: OpenAI's answers with the marks of content filters, and errors as Azure words them.

Accepted by the openai client and by azure-ai-inference's, as ``test_azure_clients`` shows. The shapes: langchain-ai/langchain 18977,
microsoft/autogen 6465, langchain4j/langchain4j 2385 and learn.microsoft.com/azure/foundry/openai/concepts/content-filter, read 2026-12-01.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import Asked, Fault, Said, quoting

SAFE = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}
_FILTERED = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry."
_INNER = {
    "code": "ResponsibleAIPolicyViolation",
    "content_filter_result": SAFE | {"hate": {"filtered": True, "severity": "high"}},
}
_LIMIT = "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded token rate limit of your current pricing tier. Please retry after 33 seconds."
_FAULTS: dict[Fault, tuple[int, dict[str, Any]]] = {
    Fault.WRONG_KEY: (
        401,
        {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."},
    ),
    Fault.NO_ACCESS: (
        403,
        {
            "code": "PermissionDenied",
            "message": "The principal lacks the required data action to perform the operation",
        },
    ),
    Fault.NO_MODEL: (
        404,
        {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."},
    ),
    Fault.RATE_LIMITED: (429, {"code": "429", "message": _LIMIT}),
    Fault.REFUSED: (
        400,
        {"code": "content_filter", "message": _FILTERED, "param": "prompt", "status": 400, "innererror": _INNER},
    ),
}


def _event(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


# The prompt's marks, before all else and in a chunk without choices.
PROMPT_FILTER = _event(
    {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": SAFE}],
    }
)
# With the asynchronous filter: marks of what was sent before, in a choice without a delta.
LATE_MARKS = _event(
    {
        "id": "",
        "object": "",
        "created": 0,
        "model": "",
        "choices": [
            {
                "index": 0,
                "finish_reason": None,
                "content_filter_results": SAFE,
                "content_filter_offsets": {"check_offset": 44, "start_offset": 44, "end_offset": 198},
            }
        ],
        "usage": None,
    }
)


class AzureOpenAI(OpenAI):
    base_path = ""

    def __init__(self, adapter: str = "azure_openai") -> None:
        super().__init__(adapter)

    def whole(self, said: Said) -> Reply:
        [body] = super().whole(said).steps
        assert isinstance(body, bytes)
        answer = json.loads(body)
        answer["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": SAFE}]
        answer["choices"][0]["content_filter_results"] = SAFE
        return as_json(answer)

    def stream(self, said: Said) -> list[bytes]:
        opening, *rest = super().stream(said)
        return [PROMPT_FILTER + opening, *rest]

    def fault(self, fault: Fault, key: str = "") -> Reply:
        if fault not in _FAULTS:
            return super().fault(fault, key)
        status, error = _FAULTS[fault]
        return as_json({"error": error | {"message": quoting(error["message"], key)}}, status=status)

    def asked(self, received: Received) -> Asked:
        assert received.path.startswith("/openai/v1/"), received.path
        return replace(super().asked(received), key=received.headers.get("api-key", ""))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "content_filter_results": SAFE}
        return _event(self._head() | {"choices": [choice], "usage": None})


class AIInference(OpenAI):
    base_path = "/models"

    def __init__(self) -> None:
        super().__init__("azure_ai_inference")

    def asked(self, received: Received) -> Asked:
        assert received.path.startswith("/models/"), received.path
        assert received.path.endswith("?api-version=2024-05-01-preview"), received.path
        body = received.body
        asked = super().asked(replace(received, body={"stream": False, "model": "", **body}))
        return replace(asked, key=received.headers.get("api-key", ""))
