"""The routes file: what is accepted, and how a mistake is told."""

from __future__ import annotations

import pytest

from app.logic.routes import RoutesError, parse

GOOD = """\
version: 1
backends:
  gpt: {adapter: openai_compatible, base_url: http://127.0.0.1:9/v1, model: gpt-4o-2024-11-20, key_env: OPENAI_API_KEY,
        price: {input_usd_per_mtok: "2.5", output_usd_per_mtok: "10"}}
  small: {adapter: embedded, model: smollm2-135m-instruct}
models:
  chat:
    backends: [{use: gpt}, {use: small}]
    limits: {first_token_s: 5}
default_model: chat
"""


def test_a_good_file_is_read_with_its_defaults() -> None:
    """What the file leaves out has a default; what it says is kept exactly, money too."""
    routes = parse(GOOD, "routes.yaml")
    chat = routes.models["chat"]
    assert [use.use for use in chat.backends] == ["gpt", "small"]
    assert (chat.strategy, chat.limits.first_token_s, chat.limits.connect_s) == ("failover", 5, 2.5)
    price = routes.backends["gpt"].price
    assert price is not None
    assert str(price.input_usd_per_mtok) == "2.5"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1", "version: 2", "routes.yaml:1: 'version' is 2: input should be 1"),
        ("adapter: embedded", "adaptor: embedded", "routes.yaml:5: 'backends.small.adapter' is missing"),
        ("model: smollm2", "modle: smollm2", "routes.yaml:5: 'backends.small.modle' is not a known key. Known: adapter, auth, base_url, capabilities, endpoint, guardrail, key_env, location, max_running, model, price, profile, project, region, residency, revision, scale_to_zero. Did you mean 'model'?"),
        ("{first_token_s: 5}", "{first_tokens_s: 5}", "routes.yaml:9: 'models.chat.limits.first_tokens_s' is not a known key. Known: between_tokens_s, connect_s, first_token_s, total_s, wake_s. Did you mean 'first_token_s'?"),
        ("{first_token_s: 5}", "{first_token_s: soon}", "routes.yaml:9: 'models.chat.limits.first_token_s' is 'soon': input should be a valid number"),
        ("{use: small}", "{use: smal}", "routes.yaml:8: model 'chat' uses backend 'smal', which is not under 'backends'. Known: gpt, small. Did you mean 'small'?"),
        ("{use: small}]", "{uses: small}]", "routes.yaml:8: 'models.chat.backends.1.use' is missing"),
        ("{use: gpt}, {use: small}", "", "routes.yaml:8: 'models.chat.backends' is []: tuple should have at least 1 item"),
        ("default_model: chat", "default_model: caht", "routes.yaml:10: default_model 'caht' is not under 'models'. Known: chat. Did you mean 'chat'?"),
        ("default_model", "defaultmodel", "routes.yaml:10: 'defaultmodel' is not a known key. Known: backends, default_model, keys, models, version. Did you mean 'default_model'?"),
        ("default_model: chat", "    when_down: [tiny]", "routes.yaml:10: model 'chat' falls back on 'tiny', which is neither a backend nor 'cache' nor '503'. Known: 503, cache, gpt, small."),
        ("default_model: chat", "    on_store_loss: allow", "routes.yaml:10: 'on_store_loss' is not built yet: leave it out"),
        ("default_model: chat", "    hedge_share: 0.1", "routes.yaml:10: 'hedge_share' is not built yet: leave it out"),
        ("default_model: chat", "keys: {ci: {usd_per_day: '5'}}", "routes.yaml:10: 'keys' (limits and budgets per key) is not built yet: leave it out"),
        ("backends: [", "backends: [[", "routes.yaml:9: not valid YAML"),
        ("version: 1\n", "version: 1\n\tx: 2\n", "routes.yaml:2: not valid YAML"),
        ("model: smollm2-135m-instruct", "model: 2026-13-45", "routes.yaml:5: not valid YAML: a value is not what it looks like, such as a date"),
        ("model: smollm2-135m-instruct", "model: !!bool maybe", "routes.yaml:5: not valid YAML: a value is not what it looks like"),
        ("version: 1", "version: " + "[" * 9000, "routes.yaml: not valid YAML: "),
        ("default_model: chat", "default_model: chat\nversion: 1", "routes.yaml:11: 'version' is there twice: leave one out"),
        ("  small: {", "  gpt: {", "routes.yaml:5: 'gpt' is there twice: leave one out"),
        ("{use: small}", "{use: gpt}", "routes.yaml:8: model 'chat' uses backend 'gpt' twice: once is enough; its share is its weight"),
        ("[{use: gpt}, {use: small}]", "[{use: gpt, weight: 0}, {use: small, weight: 0}]\n    strategy: weighted", "routes.yaml:8: model 'chat': all weights are 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(old: str, new: str, message: str) -> None:
    """Each sentence has file, line, the words of the file, and the nearest known key where one was mistyped."""
    assert old in GOOD
    with pytest.raises(RoutesError) as caught:
        parse(GOOD.replace(old, new, 1), "routes.yaml")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("text", ["", "[]", "version", "42"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    """An empty file or a list is told in one sentence too."""
    with pytest.raises(RoutesError, match="a routes file is a mapping"):
        parse(text, "routes.yaml")


@pytest.mark.parametrize(
    "key",
    ["sk-proj-SECRET", "gsk_SECRET0123456", "AKIASECRET0123456", "SECRETSECRETSECRETSECRET01", "a SECRET", "[SECRET]"],
)
def test_a_key_in_the_place_of_its_variables_name_is_not_told(key: str) -> None:
    """Neither as a text nor as anything else: what a person reads may be a log."""
    with pytest.raises(RoutesError) as caught:
        parse(GOOD.replace("key_env: OPENAI_API_KEY", f"key_env: {key}"), "routes.yaml")
    assert str(caught.value) == (
        "routes.yaml:3: 'backends.gpt.key_env': it is the name of a variable, such as OPENAI_API_KEY, not a key"
    )


@pytest.mark.parametrize(
    "auth", ["sk-SECRET", "{kind: sk-SECRET}", "{sk-SECRET: a}", "{kind: entra, scope: [sk-SECRET]}"]
)
def test_what_was_written_under_auth_is_not_told(auth: str) -> None:
    """A key may stand there by mistake as well."""
    with pytest.raises(RoutesError, match=r"^routes\.yaml:3: 'backends\.gpt\.auth") as caught:
        parse(GOOD.replace("key_env: OPENAI_API_KEY", f"auth: {auth}"), "routes.yaml")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["OPENAI_API_KEY", "_k", "azure_key_2", "hf_token", "TEAM_A_PRODUCTION_OPENAI_API_KEY", "sk"]
)
def test_a_variables_name_is_taken(variable: str) -> None:
    """Long ones and small letters too."""
    routes = parse(GOOD.replace("OPENAI_API_KEY", variable), "routes.yaml")
    assert routes.backends["gpt"].key_env == variable


GUARDED = """\
version: 1
backends:
  a: {adapter: bedrock, model: amazon.nova-lite-v1:0, guardrail: {id: gr1, version: "1"}}
  b: {adapter: bedrock, model: amazon.nova-pro-v1:0, guardrail: {id: gr2, version: "1"}}
  c: {adapter: bedrock, model: amazon.nova-pro-v1:0}
models:
  chat:
    backends: [{use: a}, {use: b}]
"""


@pytest.mark.parametrize(
    ("line", "more"),
    [(8, "backends: [{use: a}, {use: c}]"), (8, "backends: [{use: c}, {use: b}]"), (9, "backends: [{use: a}]\n    when_down: [cache, c]")],
)  # fmt: skip
def test_a_guardrail_that_only_some_backends_have_is_refused(line: int, more: str) -> None:
    """A field that the guarded one does not take would send a request to the other."""
    text = GUARDED.replace("backends: [{use: a}, {use: b}]", more)
    with pytest.raises(RoutesError, match=rf"^routes\.yaml:{line}: model 'chat': .* has a guardrail .* 'c' has none"):
        parse(text, "routes.yaml")
    parse(f"{text}    unguarded: allow\n", "routes.yaml")


@pytest.mark.parametrize("used", ["[{use: a}, {use: b}]", "[{use: c}]", "[{use: a}]"])
def test_all_or_none_may_have_a_guardrail(used: str) -> None:
    """And each its own."""
    parse(GUARDED.replace("[{use: a}, {use: b}]", used), "routes.yaml")


def test_what_only_looks_like_a_mistake_is_taken() -> None:
    """A date that exists, one key in two mappings, an anchor that is used twice, one weight of 0, and weights that nothing reads."""
    for old, new in (
        ("model: smollm2", 'model: "2026-13-45", revision: "1" #'),
        ("[{use: gpt}, {use: small}]", "[{use: gpt, weight: 0}, {use: small}]\n    strategy: weighted"),
        ("[{use: gpt}, {use: small}]", "[{use: gpt, weight: 0}, {use: small, weight: 0}]"),
        ("[{use: gpt}, {use: small}]", "&a [{use: gpt}]\n  other: {backends: *a}\n  third:\n    backends: *a"),
    ):
        text = GOOD.replace(old, new)
        parse(text.replace(" #-135m-instruct}", "}"), "routes.yaml")
