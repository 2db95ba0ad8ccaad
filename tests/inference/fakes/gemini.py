"""Gemini on Vertex AI, faked at the wire: accepted by the google-genai client, as ``test_genai`` shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from app.inference.identity.identity import Bearer, Identity
from app.wire.events import Usage
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import USAGE, Asked, Fault, Lack, Said, ServerSent, quoting

PROJECT = "my-project"
LOCATION = "europe-west4"
MODELS = f"/v1/projects/{PROJECT}/locations/{LOCATION}/publishers"
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_FAULTS: dict[Fault, tuple[int, str, str, list[dict[str, Any]]]] = {
    Fault.WRONG_KEY: (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
        [{"@type": _INFO, "reason": "ACCESS_TOKEN_EXPIRED", "domain": "googleapis.com"}],
    ),
    Fault.NO_ACCESS: (
        403,
        "PERMISSION_DENIED",
        "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist).",
        [{"@type": _INFO, "reason": "IAM_PERMISSION_DENIED", "domain": "aiplatform.googleapis.com"}],
    ),
    Fault.NO_MODEL: (404, "NOT_FOUND", "Publisher Model was not found or your project does not have access to it.", []),
    Fault.NO_MONEY: (
        403,
        "PERMISSION_DENIED",
        "This API method requires billing to be enabled.",
        [{"@type": _INFO, "reason": "BILLING_DISABLED", "domain": "googleapis.com"}],
    ),
    Fault.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.", []),
    Fault.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", []),
    Fault.BROKEN: (500, "INTERNAL", "An internal error has occurred.", []),
    Fault.BAD_REQUEST: (400, "INVALID_ARGUMENT", "Unable to submit request because it has a temperature of 3.", []),
    Fault.TOO_LONG: (
        400,
        "INVALID_ARGUMENT",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        [],
    ),
    Fault.REFUSED: (
        400,
        "INVALID_ARGUMENT",
        "The prompt could not be submitted. It contains words that violate Google's Responsible AI practices.",
        [],
    ),
}


def error(fault: Fault, key: str = "") -> dict[str, Any]:
    code, status, message, details = _FAULTS[fault]
    said = {"code": code, "message": quoting(message, key), "status": status}
    return {"error": said | ({"details": details} if details else {})}


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.prompt + usage.completion,
        "trafficType": "ON_DEMAND",
    }


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


class Gemini(ServerSent):
    adapter = "vertex"
    base_path = ""
    lacks = frozenset({Lack.END_MARK})
    usage = Usage(
        input=USAGE.prompt - USAGE.cache_read,
        cache_read=USAGE.cache_read,
        output=USAGE.output,
        reasoning=USAGE.reasoning,
    )
    entry: Mapping[str, str] = {"project": PROJECT, "location": LOCATION}

    def identities(self, key: str) -> dict[tuple[str, ...], Identity]:
        return {("google", "access_token"): Bearer(lambda: key)}

    def whole(self, said: Said) -> Reply:
        parts = [{"text": "".join(said.reasoning), "thought": True}] if said.reasoning else []
        if said.text:
            parts.append({"text": "".join(said.text)})
        parts += [self._call(n, name, pieces) for n, (name, pieces) in enumerate(said.tools)]
        return as_json(self._chunk(parts, said.finish, said.usage))

    def stream(self, said: Said) -> list[bytes]:
        chunks = [self._chunk([{"text": ""}])]
        chunks += [self._chunk([{"text": text, "thought": True}]) for text in said.reasoning]
        chunks += [self._chunk([{"text": text}]) for text in said.text]
        chunks += [self._chunk([self._call(n, name, pieces)]) for n, (name, pieces) in enumerate(said.tools)]
        chunks.append(self._chunk([{"text": "", "thoughtSignature": "c2ln"}], said.finish, said.usage))
        return [event(chunk) for chunk in chunks]

    def fault(self, fault: Fault, key: str = "") -> Reply:
        return as_json(error(fault, key), status=_FAULTS[fault][0])

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        return event(error(fault, key))

    def ping(self) -> bytes:
        return b": ping\n\n"

    def asked(self, received: Received) -> Asked:
        body = received.body
        path, _, method = received.path.rpartition(":")
        config = body.get("generationConfig", {})
        calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
        parts = [part for content in body["contents"] for part in content["parts"]]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        names = [calling.get("mode", "").lower(), *calling.get("allowedFunctionNames", ())]
        return Asked(
            model=path.removeprefix(f"{MODELS}/google/models/"),
            stream=method == "streamGenerateContent?alt=sse",
            system="\n".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", ())),
            text=next((part["text"] for part in parts if "text" in part), ""),
            stop=tuple(config.get("stopSequences", ())),
            max_tokens=config.get("maxOutputTokens"),
            tools=tuple(each["name"] for tool in body.get("tools", ()) for each in tool["functionDeclarations"]),
            tool_choice={"any": "required"}.get(names[-1], names[-1]),
            schema=config.get("responseJsonSchema"),
            images=tuple(_image(part["inlineData"]) for part in parts if "inlineData" in part),
            tool_results={f"call_{n}": result["response"]["output"] for n, result in enumerate(results)},
            turns=tuple(
                (
                    {"model": "assistant"}.get(content["role"], content["role"]),
                    "".join(part.get("text", "") for part in content["parts"]),
                )
                for content in body["contents"]
            ),
            temperature=config.get("temperature"),
            key=received.headers["authorization"].removeprefix("Bearer "),
        )

    def _call(self, n: int, name: str, pieces: tuple[str, ...]) -> dict[str, Any]:
        """With an id, as the API's beta version has it."""
        return {"functionCall": {"name": name, "args": json.loads("".join(pieces) or "{}"), "id": f"call_{n}"}}

    def _chunk(self, parts: list[dict[str, Any]], finish: str = "", usage: Usage | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
        if finish:
            candidate["finishReason"] = _FINISH[finish]
        counted = {"usageMetadata": usage_object(usage)} if usage else {}
        return {
            "candidates": [candidate],
            **counted,
            "modelVersion": "gemini-2.5-flash",
            "createTime": "2026-12-01T10:20:30.123456Z",
            "responseId": "resp-1",
        }


def _image(data: dict[str, str]) -> str:
    return f"data:{data['mimeType']};base64,{data['data']}"
