"""Whoever adds an adapter is led to every place: the page's example is run whole, and what a list lacks is told with the file to create."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from app.inference import adapters
from app.inference.adapter import Adapter
from app.inference.listed_prices import listed
from app.inference.variants import VARIANTS
from app.logic.routes import BackendSpec
from tests.inference import fakes, page
from tests.inference.contract import SUBJECTS
from tests.inference.fakes.vendor import ServerSent
from tests.inference.lines import adapter as lines

SAME_CODE = {"embedded", *VARIANTS}  # rows of one adapter, which the contract suite tries by some of them
# What these sell is not on genai-prices' list: a price stands in the routes file, or is unknown.
UNPRICED = {"openai_compatible", "vllm", "tgi", "llama_cpp", "litserve", "huggingface", "azure_ai_inference"}
A_MODEL = {
    "anthropic": "claude-sonnet-4-5",
    "azure_openai": "gpt-4o",
    "foundry": "gpt-4o",
    "bedrock": "us.anthropic.claude-haiku-4-5-20251001-v1:0",
    "vertex": "gemini-2.5-flash",
    "openai": "gpt-4o",
    "groq": "llama-3.1-8b-instant",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "deepseek": "deepseek-chat",
    "mistral": "mistral-large-latest",
    "openrouter": "openai/gpt-4o",
}
CUT_FOR_GOOD: set[str] = set()  # adapters whose continuation is "none" on purpose
each = pytest.mark.parametrize("name", adapters.ADAPTERS)


def code_lines(text: str) -> int:
    """Lines that are neither blank nor of the module's docstring."""
    docstring = ast.get_docstring(ast.parse(text), clean=False) or ""
    return len([line for line in text.splitlines() if line.strip()]) - docstring.count("\n") - 1


def test_the_example_is_short() -> None:
    """A new adapter is under 60 lines, its row included; one on a wire with another framing, too."""
    assert code_lines(page.files()["app.inference.acme"]) < 60
    assert code_lines(Path(lines.__file__).read_text()) < 60


def test_the_example_is_tried_by_the_whole_contract_suite() -> None:
    """The page's own files: its adapter, its row, its fake."""
    assert {"app.inference.acme", "tests.inference.fakes.acme"} == page.files().keys()
    assert page.adapters().keys() == {"acme"}
    assert "acme" in [vendor.adapter for vendor in SUBJECTS]


@each
def test_every_adapter_has_a_fake_in_the_contract_suite(name: str) -> None:
    """What nobody tried is no adapter."""
    tried = {vendor.adapter for vendor in SUBJECTS}
    assert name in tried | SAME_CODE, (
        f"adapter '{name}': create tests/inference/fakes/{name}.py and add it to SUBJECTS in tests/inference/contract.py"
    )


@pytest.mark.parametrize(
    "name", [name for name, row in adapters.ADAPTERS.items() if not row.is_free and name not in UNPRICED]
)
def test_every_adapter_is_priced_or_said_to_be_unknown(name: str) -> None:
    """A price key that genai-prices does not know would leave every answer without a price, silently."""
    adapter = adapters.ADAPTERS[name]
    assert name in A_MODEL, (
        f"adapter '{name}': name a model that it sells in A_MODEL of {__name__}, or add it to UNPRICED"
    )
    assert listed(A_MODEL[name], adapter.price_key) is not None, (
        f"adapter '{name}': genai-prices knows no seller of {A_MODEL[name]} at '{adapter.price_key}': set price_key in its row"
    )


@each
def test_every_adapter_says_how_its_models_go_on(name: str) -> None:
    """An answer that breaks off is taken up, unless the adapter is known not to: with "none", the default, it is cut."""
    adapter: Adapter = adapters.ADAPTERS[name]
    spec = BackendSpec(adapter=name, model="smollm2-135m-instruct")
    assert (adapter.ability(spec).continuation == "none") is (name in CUT_FOR_GOOD), (
        f"adapter '{name}': set continuation in the ability of its row, or, where its answers cannot go on, "
        f'leave it "none" and add the name to CUT_FOR_GOOD of {__name__}'
    )
    assert adapter.provider, f"adapter '{name}': set provider in its row, the value of gen_ai.provider.name"


@pytest.mark.parametrize("path", sorted(Path(adapters.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_file_of_an_adapter_has_its_row(path: Path) -> None:
    """One without it is never built, and no routes file may name it."""
    module = importlib.import_module(f"app.inference.{path.stem}")
    own = getattr(module, "ADAPTER", None)

    assert own is None or own in adapters.ADAPTERS.values(), (
        f"add {path.stem}.ADAPTER to ADAPTERS in app/inference/adapters.py"
    )


@pytest.mark.parametrize("path", sorted(Path(fakes.__path__[0]).glob("*.py")), ids=lambda path: path.stem)
def test_every_fake_of_a_vendor_is_tried(path: Path) -> None:
    """One that is not among the subjects proves nothing."""
    module = importlib.import_module(f"tests.inference.fakes.{path.stem}")
    own = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == module.__name__ and issubclass(each, ServerSent)
    ]
    missing = [each.__name__ for each in own if each is not ServerSent and each not in map(type, SUBJECTS)]

    assert not missing, f"add {', '.join(missing)} of {module.__name__} to SUBJECTS in tests/inference/contract.py"
