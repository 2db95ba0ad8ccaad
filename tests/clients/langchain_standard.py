"""langchain's standard tests of a chat model over this app: run inside the libraries' environment, beside the suite of langchain-openai.

The environment says which model is asked, and its size: a small one gives short answers, and no structured ones.
"""

from __future__ import annotations

import os
from typing import Any

from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

_MODEL = os.environ["STANDARD_MODEL"]
_IS_SMALL = os.environ["STANDARD_SIZE"] == "small"


class TestThroughTheApp(ChatModelIntegrationTests):  # type: ignore[misc]
    @property
    def chat_model_class(self) -> Any:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        # Usage is only asked for at OpenAI's own address, unless it is said.
        return {"model": _MODEL, "stream_usage": True, "max_tokens": 8 if _IS_SMALL else 100}

    @property
    def has_tool_calling(self) -> bool:
        return not _IS_SMALL

    @property
    def has_structured_output(self) -> bool:
        return not _IS_SMALL

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

    @property
    def supports_json_mode(self) -> bool:
        return not _IS_SMALL

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return _MODEL
