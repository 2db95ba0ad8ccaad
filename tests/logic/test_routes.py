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
