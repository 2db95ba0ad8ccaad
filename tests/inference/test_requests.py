"""How a request in OpenAI's form becomes a vendor's: what is mapped, what is refused and in which words."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app import inference
from app.inference.adapter import Surroundings, base_url
from app.inference.adapters import ADAPTERS, build, price
from app.inference.anthropic_request import MAX_TOKENS, map_request
from app.inference.fields import CHAT
from app.inference.openai_compatible import OpenAICompatible
from app.inference.variants import VARIANTS, allowed
from app.logic.answer import Endpoint, Failure, Kind
from app.logic.routes import BackendSpec, RoutesError, parse
from tests.inference.contract import SUBJECTS, call, heard, opened, streamed
from tests.inference.contract import backend as backend_of
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.vendor import Said
from tests.inference.test_contract import ADMITTED, ALWAYS


async def sent(adapter: str, **fields: Any) -> dict[str, Any]:
    """The body that a backend of ``adapter`` gets."""
    vendor = OpenAI(adapter)
    async with backend_of(vendor, streamed(vendor, *vendor.stream(Said(text=("x",))))) as (subject, fake):
        await heard(await opened(subject, call(**fields)))
    body: dict[str, Any] = fake.received[0].body
    return body


@pytest.mark.parametrize(
    ("adapter", "given", "named"),
    [
        ("openai", "max_tokens", "max_completion_tokens"),
        ("openai", "max_completion_tokens", "max_completion_tokens"),
        ("groq", "max_tokens", "max_completion_tokens"),
        ("tgi", "max_completion_tokens", "max_tokens"),
        ("mistral", "max_completion_tokens", "max_tokens"),
        ("vllm", "max_completion_tokens", "max_completion_tokens"),
        ("openai_compatible", "max_tokens", "max_tokens"),
    ],
)
async def test_the_limit_has_the_name_that_the_server_knows(adapter: str, given: str, named: str) -> None:
    """One is mapped to the other, both ways."""
    fields: dict[str, Any] = {given: 7}
    body = await sent(adapter, **fields)
    assert {name: body[name] for name in body if name.startswith("max_")} == {named: 7}


@pytest.mark.parametrize("adapter", sorted(VARIANTS))
async def test_every_variant_answers(adapter: str) -> None:
    """Role, usage option and model as its row says."""
    body = await sent(adapter, messages=[{"role": "developer", "content": "x"}], seed=None)
    variant = VARIANTS[adapter]
    assert body["messages"][0]["role"] == ("developer" if variant.knows_developer else "system")
    assert ("stream_options" in body) is variant.usage_option


async def test_mistral_has_its_own_name_for_the_seed() -> None:
    """Renamed, not lost."""
    body = await sent("mistral", seed=7)
    assert (body["random_seed"], "seed" in body) == (7, False)


async def test_a_callers_body_is_left_alone() -> None:
    """Another backend may have to send it again."""
    messages = [{"role": "developer", "content": "x"}, {"role": "user", "content": "hi"}]
    asked = call(max_tokens=5, store=False, messages=messages)
    before = {**asked.body, "messages": [dict(message) for message in asked.body["messages"]]}
    for vendor in SUBJECTS:
        async with backend_of(vendor, streamed(vendor, *vendor.stream(Said(text=("x",))))) as (subject, _):
            await heard(await opened(subject, asked))
    assert asked.body == before


@pytest.mark.parametrize(
    "fields",
    [
        {"background": True},
        {"service_tier": "priority"},
        {"web_search_options": {}},
        {"n": 100},
        {"tools": [{"type": "web_search"}]},
        {"response_format": {"type": "grammar"}},
        {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    ],
)
async def test_what_costs_or_stays_is_refused(fields: dict[str, Any]) -> None:
    """Named, with the reason."""
    with pytest.raises(Failure, match="'subject' does not take") as raised:
        await sent("openai", **fields)
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, next(iter(fields)))


@pytest.mark.parametrize(
    "fields", [{"store": False}, {"service_tier": "default"}, {"service_tier": None}, {"audio": None}, {"echo": False}]
)
async def test_what_says_as_usual_is_dropped(fields: dict[str, Any]) -> None:
    """Clients send defaults; the vendor need not see them."""
    assert not fields.keys() & await sent("openai", **fields)


def claude(**fields: Any) -> dict[str, Any]:
    return map_request(call(**fields), model="m", backend="b").body


def turns(*messages: dict[str, Any]) -> Any:
    return claude(messages=list(messages))["messages"]


def test_claude_needs_a_limit() -> None:
    """OpenAI's callers often give none."""
    assert (claude()["max_tokens"], claude(max_tokens=5)["max_tokens"]) == (MAX_TOKENS, 5)


def test_system_messages_stand_apart() -> None:
    """Wherever they stood, in their order."""
    body = claude(
        messages=[
            {"role": "system", "content": "a"},
            {"role": "user", "content": "hi"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
        ]
    )
    assert [block["text"] for block in body["system"]] == ["a", "b"]
    assert len(body["messages"]) == 1


def test_neighbours_of_one_role_are_one_turn() -> None:
    """Tool results are the user's, and come before what the user says next; empty turns go."""
    used = [{"id": f"call/{n}", "type": "function", "function": {"name": "f", "arguments": '{"n":1}'}} for n in (1, 2)]
    user, assistant, answer = turns(
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": used},
        {"role": "tool", "tool_call_id": "call/1", "content": "one"},
        {"role": "tool", "tool_call_id": "call/2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": None},
    )
    assert (user["role"], assistant["role"], answer["role"]) == ("user", "assistant", "user")
    called = [block["id"] for block in assistant["content"]]
    assert [id[:7] for id in called] == ["call_1_", "call_2_"]
    assert [block.get("tool_use_id", "text") for block in answer["content"]] == [*called, "text"]


@pytest.mark.parametrize(
    ("fields", "mapped"),
    [
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0, "top_p": 0.5}),
        ({"user": "u1"}, {"metadata": {"user_id": "u1"}}),
        ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"n": 1, "logprobs": False, "presence_penalty": 0, "parallel_tool_calls": True}, {}),
    ],
)
def test_what_claude_calls_otherwise(fields: dict[str, Any], mapped: dict[str, Any]) -> None:
    """Field by field."""
    extra = {name: value for name, value in claude(**fields).items() if name not in claude()}
    assert extra == mapped


@pytest.mark.parametrize(
    ("choice", "parallel", "mapped"),
    [
        (None, None, {"type": "auto"}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"type": "function", "function": {"name": "f"}}, None, {"type": "tool", "name": "f"}),
    ],
)
def test_tool_choice(choice: Any, parallel: bool | None, mapped: dict[str, Any]) -> None:
    """OpenAI's words in Anthropic's."""
    tools = [{"type": "function", "function": {"name": "f", "description": "d", "strict": True}}]
    body = claude(tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
    assert body["tool_choice"] == mapped
    assert body["tools"] == [
        {"name": "f", "description": "d", "strict": True, "input_schema": {"type": "object", "properties": {}}}
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 1.5},
        {"n": 2},
        {"logprobs": True},
        {"presence_penalty": 1},
        {"logit_bias": {"1": 5}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"reasoning_effort": "enormous"},
        {"tools": [{"type": "function", "function": {}}], "tool_choice": "maybe"},
        {"messages": [{"role": "system", "content": "only this"}]},
        {"messages": [{"role": "function", "content": "x"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": "{"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/html,x"}}]}]},
    ],
)
def test_what_claude_cannot_do_is_refused(fields: dict[str, Any]) -> None:
    """By name, never silently left out."""
    with pytest.raises(Failure, match="'b' does not take") as raised:
        claude(**fields)
    assert (raised.value.kind, raised.value.param) == (Kind.BAD_REQUEST, [*fields][-1])


def test_an_image_by_address_is_anthropics_to_fetch() -> None:
    """And one by data: URL goes as what it is; both of the forms that clients write."""
    urls: list[Any] = [{"url": "https://a/b.png"}, "data:image/PNG;base64,aGk="]
    [turn] = turns({"role": "user", "content": [{"type": "image_url", "image_url": url} for url in urls]})
    assert [block["source"] for block in turn["content"]] == [
        {"type": "url", "url": "https://a/b.png"},
        {"type": "base64", "media_type": "image/png", "data": "aGk="},
    ]


async def built(text: str, **environment: str) -> Any:
    routes = parse(
        f"version: 1\nbackends: {{b: {{{text}}}}}\nmodels: {{chat: {{backends: [{{use: b}}]}}}}", "routes.yaml"
    )
    async with aiohttp.ClientSession() as session:
        return build(routes, Surroundings(http=session, engines={}, environment=environment))["b"].backend


async def key_of(backend: Any) -> str:
    headers = (await backend.identity.show("", {}, b"")).headers
    return str(headers.get("authorization", "")).removeprefix("Bearer ")


_FILES = {"NOWHERE_FILE": "/nowhere", "EMPTY_FILE": "/dev/null", "TWICE": "sk-3", "TWICE_FILE": "/dev/null"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("adapter: antropic, model: m", "Did you mean 'anthropic'"),
        ("adapter: anthropic, model: m", "set the environment variable ANTHROPIC_API_KEY"),
        ("adapter: groq, model: m, key_env: MY_KEY", "set the environment variable MY_KEY"),
        ("adapter: anthropic, key_env: KEY", "model is missing"),
        ("adapter: openai_compatible, model: m", "needs base_url"),
        ("adapter: vllm, model: m, base_url: 'localhost:8000'", "must be like https://host/v1"),
        ("adapter: vllm, model: m, base_url: 'http://u:p@h/v1'", "holds a credential"),
        ("adapter: vllm, model: m, key_env: BAD", "no header can carry"),
        ("adapter: openai, model: m, key_env: NOWHERE", "NOWHERE_FILE=/nowhere cannot be read: No such file"),
        ("adapter: openai, model: m, key_env: EMPTY", "EMPTY_FILE=/dev/null is an empty file"),
        ("adapter: openai, model: m, key_env: TWICE", "TWICE and TWICE_FILE are both set"),
        ("adapter: embedded, model: nope", "no embedded model is called 'nope'"),
        ("adapter: embedded, base_url: 'http://127.0.0.1:1/v1'", "has no use for 'base_url' here: leave it out"),
        ("adapter: openai, model: m, key_env: KEY, region: us-east-1", "has no use for 'region' here"),
        ("adapter: vllm, model: m, base_url: 'http://127.0.0.1:1/v1', revision: abc", "has no use for 'revision' here"),
    ],
)
async def test_a_backend_that_cannot_be_built_says_what_to_do(text: str, why: str) -> None:
    """At start, with the backend's name; no key is shown."""
    with pytest.raises(RoutesError, match="backend 'b'") as raised:
        await built(text, KEY="sk-1", BAD="sk-\n2", **_FILES)
    assert why in str(raised.value)
    assert "sk-" not in str(raised.value)


async def test_a_key_may_stand_in_a_file(tmp_path: Path) -> None:
    """As containers get their secrets; the end of the line does not belong to it."""
    (tmp_path / "key").write_text("sk-3\n")
    backend = await built("adapter: openai, model: m", OPENAI_API_KEY_FILE=str(tmp_path / "key"))
    assert await key_of(backend) == "sk-3"


async def test_what_a_routes_file_may_leave_out() -> None:
    """A vendor's address and the usual variable for its key; a local server needs no key."""
    groq = await built("adapter: groq, model: m", GROQ_API_KEY="k")
    assert isinstance(groq, OpenAICompatible)
    assert (groq.base_url, await key_of(groq)) == ("https://api.groq.com/openai/v1", "k")
    vllm = await built("adapter: vllm, model: m, base_url: 'http://10.0.0.2/v1/'")
    assert (vllm.base_url, await key_of(vllm)) == ("http://10.0.0.2/v1", "")
    claude_too = await built("adapter: anthropic, model: m, key_env: K, base_url: 'https://proxy/v1'", K="k")
    assert claude_too.base_url == "https://proxy"


def test_every_adapter_is_in_the_one_list() -> None:
    """A variant is a row, and so is every file that has an ADAPTER."""
    assert VARIANTS.keys() <= ADAPTERS.keys()
    modules = [
        importlib.import_module(found.name) for found in pkgutil.iter_modules(inference.__path__, "app.inference.")
    ]
    rows = {module.__name__: module.ADAPTER for module in modules if hasattr(module, "ADAPTER")}
    assert rows
    for name, row in rows.items():
        assert row in ADAPTERS.values(), (
            f"{name.replace('.', '/')}.py has an ADAPTER: add its row to ADAPTERS in app/inference/adapters.py"
        )


def test_every_field_that_an_adapter_may_admit_is_tried() -> None:
    """What a list of fields gains is asked of every vendor."""
    lists = [allowed(variant, Endpoint.CHAT) for variant in VARIANTS.values()]
    missing = frozenset().union(CHAT, *lists) - ADMITTED.keys() - ALWAYS
    assert not missing, f"give {', '.join(sorted(missing))} a value in ADMITTED of tests/inference/test_contract.py"


def test_dangerous_fields_are_on_no_list() -> None:
    """Whatever the variant."""
    dangerous = {
        "chat_template",
        "chat_template_kwargs",
        "guided_regex",
        "structured_outputs",
        "grammar",
        "service_tier",
    }
    dangerous |= {
        "store",
        "background",
        "id_slot",
        "web_search_options",
        "cache_salt",
        "priority",
        "ignore_eos",
        "lora",
    }
    for variant in VARIANTS.values():
        for endpoint in Endpoint:
            assert not allowed(variant, endpoint) & dangerous


def test_a_price_is_the_one_of_a_short_prompt() -> None:
    """Some models cost more per token beyond 200,000 tokens of prompt: that rate is not everybody's."""
    rates = price(BackendSpec(adapter="anthropic", model="claude-sonnet-4-5"))
    assert rates is not None
    assert (rates.input, rates.output) == (3_000_000, 15_000_000)  # genai-prices, 2026-11-24
    assert price(BackendSpec(adapter="vllm", model="claude-sonnet-4-5")) is None


def test_what_claude_answers_with_an_error_is_cleaned() -> None:
    """Blank text, blank stop words, a schema without a type: clients send them, and they mean nothing."""
    body = claude(
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": " \n"}]},
            {"role": "assistant", "content": " "},
            {"role": "user", "content": "b"},
        ],
        stop=["END", " ", "\n"],
        tools=[{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}}],
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    ]
    assert body["stop_sequences"] == ["END"]
    assert body["tools"][0]["input_schema"] == {"type": "object", "properties": {"a": {}}}
    assert "stop_sequences" not in claude(stop=" ")


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("claude-3-7-sonnet", {"temperature", "top_p"}),
        ("claude-opus-4-1-20250805", {"temperature"}),
        ("claude-opus-4-7", set()),
    ],
)
def test_sampling_fields_that_a_model_refuses_are_not_sent(model: str, kept: set[str]) -> None:
    """Both are too many for some, one for others; what was left out is named. One alone is sent where one is taken."""
    body, ignored = map_request(call(temperature=0.5, top_p=0.9), model=model, backend="b")
    assert body.keys() & {"temperature", "top_p"} == kept
    assert ignored == {"temperature", "top_p"} - kept
    alone, _ = map_request(call(top_p=0.9), model=model, backend="b")
    assert ("top_p" in alone) == bool(kept)


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
@pytest.mark.parametrize(
    ("given", "is_sent"),
    [
        ("u-1", True),
        ("7f9c24e5-5a1c-4d0e-9b1f-2f6f0f6b7c11", True),
        ("10234567", True),
        ("a@b", True),
        ("u" * 256, True),
        ("u" * 257, False),
        ("me@example.com", False),
        ("user:me@example.com:7", False),
        ("+1 (555) 123-4567", False),
        ("555-123-4567", False),
    ],
)
def test_an_id_that_claude_would_refuse_is_left_out(field: str, given: str, is_sent: bool) -> None:
    """It only hints, so it stops no answer; that it was left out is told."""
    fields: dict[str, Any] = {field: given}
    body, ignored = map_request(call(**fields), model="m", backend="b")
    assert body.get("metadata") == ({"user_id": given} if is_sent else None)
    assert ignored == (set() if is_sent else {field})


def test_an_answer_that_is_to_go_on_ends_in_no_white_space() -> None:
    """Claude answers it with an error; an earlier answer, and a user's text, stay as they are."""
    asked = {"role": "user", "content": "hi \n"}
    answer: dict[str, Any] = {"role": "assistant", "content": "<out>\n"}
    parts = {"role": "assistant", "content": [{"type": "text", "text": "a "}, {"type": "text", "text": "b\t"}]}
    said = [turn["content"][-1]["text"] for turn in turns(asked, answer, asked, answer)]
    assert said == ["hi \n", "<out>\n", "hi \n", "<out>"]
    assert [block["text"] for block in turns(asked, parts)[1]["content"]] == ["a ", "b"]
    assert turns(asked, answer, asked)[-1]["content"][-1]["text"] == "hi \n"


@pytest.mark.parametrize(
    ("adapter", "model", "private", "public"),
    [
        ("bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0", "https://vpce-0a1b.bedrock-runtime.eu-central-1.vpce.amazonaws.com", ""),
        ("vertex", "gemini-2.5-pro", "https://europe-west4-aiplatform.p.googleapis.com", ""),
        ("vertex", "gemini-2.5-pro", "https://psc.corp.example", ""),
        ("azure_openai", "gpt-4.1", "https://models.corp.example", "https://r.openai.azure.com"),
        ("anthropic", "claude-sonnet-4-5", "https://proxy.corp.example", ""),
    ],
)  # fmt: skip
def test_a_private_address_costs_what_its_seller_takes(adapter: str, model: str, private: str, public: str) -> None:
    """The way there is another, the tokens are the same."""
    known = price(BackendSpec(adapter=adapter, model=model, base_url=public))
    assert price(BackendSpec(adapter=adapter, model=model, base_url=private)) == known is not None


def test_at_a_sellers_address_its_price_counts_and_elsewhere_none() -> None:
    """A model that is not sold there has no price; a gateway of one's own is another adapter, which nobody sells through."""
    assert price(BackendSpec(adapter="openai", model="llama-3.1-8b-instant", base_url="https://api.groq.com/openai/v1"))
    assert price(BackendSpec(adapter="openai", model="gpt-4o", base_url="https://api.anthropic.com")) is None
    assert (
        price(BackendSpec(adapter="openai_compatible", model="gpt-4o", base_url="https://gateway.corp.example")) is None
    )


@pytest.mark.parametrize(
    "address",
    ["http://[::1/v1", "http://h:99999/v1", "http://h:abc/v1", "http://a b/v1", "http://h/a b", "http://h\n.x/v1", "http:///v1", "http://h:0", "h", "http://a,b/v1", "ftp://h"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_sentence(address: str) -> None:
    """Whatever Python's own reader of addresses does with it."""
    with pytest.raises(RoutesError, match=r"^backend 'a': base_url must be like https://host/v1$"):
        base_url("a", BackendSpec(adapter="vllm", base_url=address))


@pytest.mark.parametrize(
    "address", ["http://[::1]:8000/v1", "http://127.0.0.1", "https://h.example:443/v1/", "http://my_service-1:80/v1", "http://bücher.example"]
)  # fmt: skip
def test_an_address_is_kept(address: str) -> None:
    """Without the slash at its end."""
    assert base_url("a", BackendSpec(adapter="vllm", base_url=address)) == address.rstrip("/")
