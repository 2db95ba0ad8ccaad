"""The vendor of the wire of lines, faked: what its wire lacks and how it is framed is declared here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.wire.events import Usage
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Received, Reply, as_json
from tests.inference.fakes.vendor import USAGE, Asked, Entered, Fault, Lack, Said


def _line(**value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


class Lines(Entered):
    adapter = "lines"
    base_path = ""
    lacks = frozenset({Lack.TOOLS, Lack.SCHEMA, Lack.IMAGES, Lack.REASONING, Lack.END_MARK})
    usage = Usage(input=USAGE.prompt, output=USAGE.completion)
    stream_type = "application/x-ndjson"
    ends: tuple[bytes, ...] = (b"\n",)
    unfinished = b'{"message": {"content": "'
    garbage: Sequence[bytes] = (b"{nonsense\n", b"<html>hello</html>\n", b'{"message": {"content": "\xff"}}\n', b"7\n")
    rewritten: Mapping[str, tuple[bytes, bytes]] = {"crlf": (b"\n", b"\r\n"), "json": (b'": ', b'":  ')}

    def whole(self, said: Said) -> Reply:
        message = {"role": "assistant", "content": "".join(said.text)}
        return as_json({"message": message, "done": True, **self._end(said)})

    def stream(self, said: Said) -> list[bytes]:
        texts = [_line(message={"role": "assistant", "content": text}, done=False) for text in ("", *said.text)]
        return [*texts, _line(message={"role": "assistant", "content": ""}, done=True, **self._end(said))]

    def _end(self, said: Said) -> dict[str, Any]:
        counts = {"prompt_eval_count": said.usage.prompt, "eval_count": said.usage.completion} if said.usage else {}
        return {"done_reason": said.finish, **counts}

    def fault(self, fault: Fault, key: str = "") -> Reply:
        return OpenAI().fault(fault, key)

    def error_event(self, fault: Fault, key: str = "") -> bytes:
        return OpenAI().error_event(fault, key).removeprefix(b"data: ").removesuffix(b"\n")

    def ping(self) -> bytes:
        return b"\n"

    def asked(self, received: Received) -> Asked:
        body = received.body
        options, messages = body["options"], body["messages"]
        return Asked(
            model=body["model"],
            stream=body["stream"],
            system="\n".join(m["content"] for m in messages if m["role"] == "system"),
            text=next((m["content"] for m in messages if m["role"] == "user"), ""),
            turns=tuple((m["role"], m["content"]) for m in messages if m["role"] != "system"),
            temperature=options["temperature"],
            stop=tuple(options["stop"] or ()),
            max_tokens=options["num_predict"],
            key=received.headers["authorization"].removeprefix("Bearer "),
        )
