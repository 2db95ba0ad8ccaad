"""The page that shows how to add an adapter is run: its example is short, and keeps the contract."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.inference import adapters
from app.logic.answer import Failure, Kind
from tests.inference.contract import KEY, backend, call, heard, opened
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import as_stream
from tests.inference.fakes.vendor import Fault, Said

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-adapter.md"
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> OpenAI:
    """The page's adapter, in the list under the name that the page gives it."""
    module = ModuleType("acme")
    monkeypatch.setitem(sys.modules, "acme", module)  # where dataclasses look names up
    names: dict[str, Any] = vars(module)
    exec(compile("".join(EXAMPLE), str(PAGE), "exec", dont_inherit=True), names)
    names |= {name: getattr(adapters, name) for name in ("credential", "base_url", "model")}
    monkeypatch.setitem(adapters.ADAPTERS, "acme", names["_acme"])
    return OpenAI("acme")


def test_the_example_is_short() -> None:
    """A new adapter in under 60 lines of code, its builder included."""
    assert len([line for line in "".join(EXAMPLE).splitlines() if line.strip()]) < 60


async def test_the_example_answers(acme: OpenAI) -> None:
    """Streaming, with an end."""
    async with backend(acme, as_stream(*acme.stream(Said(text=("Hel", "lo"))))) as (subject, fake):
        answer = await heard(await opened(subject, call()))
    assert (answer.text, answer.end and answer.end.reason) == ("Hello", "stop")
    assert (fake.received[0].path, fake.received[0].headers["x-api-key"]) == ("/v1/models/vendor-model-1/chat", KEY)
    assert KEY not in repr(subject)


async def test_the_example_fails_in_the_routers_words(acme: OpenAI) -> None:
    """And shows no key."""
    async with backend(acme, lambda received: acme.fault(Fault.WRONG_KEY, {"authorization": KEY})) as (subject, _):
        with pytest.raises(Failure) as raised:
            await opened(subject, call())
    assert raised.value.kind is Kind.MISCONFIGURED
    assert KEY not in raised.value.message
