"""AWS's identity: credentials from where the app runs, kept and shared, and signatures that AWS's own description of them accepts."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from botocore.utils import ContainerMetadataFetcher
from yarl import URL

from app.inference import http
from app.inference.adapter import Surroundings
from app.inference.adapters import ADAPTERS
from app.inference.identity.aws import signed
from app.inference.identity.identity import Shown
from app.logic.answer import Backend, Failure, Kind
from app.logic.routes import Auth, BackendSpec, RoutesError
from tests.inference.contract import call, heard, opened
from tests.inference.fakes.bedrock import KEY_ID, REGION, SECRET, Bedrock, signed_by
from tests.inference.fakes.openai import OpenAI
from tests.inference.fakes.server import Received, Reply, as_json, serving
from tests.inference.fakes.vendor import Said

STATIC = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": "token-0"}
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of the machine that runs the tests, and no metadata server."""
    for name in (*STATIC, "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))


def around(session: aiohttp.ClientSession, environment: Mapping[str, str]) -> Surroundings:
    return Surroundings(http=session, engines={}, environment=environment)


async def shown(environment: Mapping[str, str], body: bytes = b"{}") -> tuple[Received, Shown]:
    """A request as it arrived, and what was put to it."""
    async with serving(as_json({})) as fake, http.session() as session:
        identity = signed("a", service="bedrock", region=REGION, around=around(session, environment))
        url = f"{fake.url}/model/eu.anthropic.claude%3A0%2Fx/converse"
        put = await identity.show(url, JSON, body)
        sent = {**JSON, **put.headers}
        response = await http.post(session, URL(url, encoded=True), body, sent, name="a", connect_s=5)
        await response.read()
        await identity.aclose()
    return fake.received[0], put


async def test_a_request_is_signed_as_aws_describes_it() -> None:
    """With the session's token in it; escapes in the path stay as they were signed."""
    received, put = await shown(STATIC, b'{"text": "\xc3\xbc"}')
    assert received.path == "/model/eu.anthropic.claude%3A0%2Fx/converse"
    assert signed_by(received, SECRET) is None
    assert signed_by(received, "another") is not None
    assert received.headers["x-amz-security-token"] == put.secret == "token-0"
    assert f"/{REGION}/bedrock/" in received.headers["authorization"]


def private(url: str, around: Surroundings) -> Backend:
    """A server of one's own behind AWS's front, which checks the signature."""
    spec = BackendSpec(
        adapter="vllm", model="m", base_url=url, region=REGION, auth=Auth(kind="aws_sigv4", service="bedrock")
    )
    return ADAPTERS["vllm"].build("a", spec, around)


@pytest.mark.parametrize("path", ["/v1", "/%7Ex/v1", "/a%20b/v1", "/ü/v1", "//v1", "/x%2Fy/v1"])
async def test_what_is_signed_is_what_is_sent(path: str) -> None:
    """Whatever a path has that can be written in two ways."""
    async with serving(OpenAI().whole(Said(text=("hi",)))) as fake, http.session() as session:
        subject = private(fake.url + path, around(session, STATIC))
        await heard(await opened(subject, call(stream=False)), stream=False)
        await subject.aclose()
    assert signed_by(fake.received[0], SECRET) is None


EXPIRED = "The security token included in the request is expired"


@pytest.mark.parametrize(
    ("refused", "tokens"),
    [
        (as_json({"message": EXPIRED}, status=403, **{"x-amzn-errortype": "ExpiredTokenException"}), ["1", "2"]),
        (as_json({"message": EXPIRED, "__type": "com.amazon.coral#ExpiredTokenException"}, status=403), ["1", "2"]),
        (as_json({"message": "no"}, status=403, **{"x-amzn-errortype": "AccessDeniedException"}), ["1", "1"]),
    ],
)
async def test_a_server_of_ones_own_gets_new_credentials_when_aws_says_so(refused: Reply, tokens: list[str]) -> None:
    """With 403 and a type, as for Bedrock; a right that is lacking is no reason."""
    async with (
        serving(Bedrock().credentials()) as giver,
        serving(refused, OpenAI().whole(Said(text=("hi",)))) as fake,
        http.session() as session,
    ):
        own = around(session, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url})
        subject = private(f"{fake.url}/v1", own)
        with pytest.raises(Failure, match="refuses this app's credential"):
            await opened(subject, call(stream=False))
        await heard(await opened(subject, call(stream=False)), stream=False)
        for identity in own.identities.values():
            await identity.aclose()
    assert [each.headers["x-amz-security-token"] for each in fake.received] == [f"token-{n}" for n in tokens]


async def test_a_body_that_was_changed_on_the_way_is_noticed() -> None:
    """The signature covers it, and the fake that checks it is one that can say no."""
    received, _ = await shown(STATIC)
    received.raw += b" "
    assert signed_by(received, SECRET) is not None


async def test_a_users_own_key_has_no_token_and_its_id_is_the_secret() -> None:
    """Its id is then what a message must not quote."""
    received, put = await shown({name: STATIC[name] for name in list(STATIC)[:2]})
    assert signed_by(received, SECRET) is None
    assert ("x-amz-security-token" in received.headers, put.secret) == (False, KEY_ID)


async def test_a_profile_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """botocore's own order goes on behind the variables."""
    (tmp_path / "AWS_SHARED_CREDENTIALS_FILE").write_text(
        f"[other]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "other")
    received, _ = await shown({})
    assert signed_by(received, SECRET) is None


async def test_no_credentials_is_one_sentence() -> None:
    """It says where they are looked for, and nothing waits for a machine's metadata."""
    with pytest.raises(Failure, match="none were found: give the machine a role") as raised:
        await shown({})
    assert raised.value.kind is Kind.MISCONFIGURED


async def test_a_credentials_server_that_fails_is_told_by_its_error_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said may have a secret in it."""
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
    reply = Reply(status=403, steps=[b"secret-0123"])
    async with serving(reply) as giver:
        with pytest.raises(Failure, match="CredentialRetrievalError") as raised:
            await shown({"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url})
    assert "secret-0123" not in str(raised.value)


LATER = "2099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "odd",
    [
        {"Token": "SEKRET\r\nx: y"},
        {"Token": 5},
        {"AccessKeyId": "SEKRET\n"},
        {"SecretAccessKey": ["SEKRET"]},
        {"Expiration": None},
        {"Expiration": 1e999},
        {"Expiration": "SEKRET"},
    ],
)
async def test_credentials_that_are_none_are_a_failure(
    odd: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    """By which the next backend has its turn; nothing of them is told."""
    given = {"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "Token": "SEKRET", "Expiration": LATER, **odd}
    async with serving(as_json(given)) as giver:
        with pytest.raises(Failure) as raised:
            await shown({"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url})
    assert raised.value.kind is Kind.MISCONFIGURED
    assert not any(word in f"{raised.value} {caplog.text}" for word in ("SEKRET", SECRET))


async def test_an_answer_of_sts_that_is_cut_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """botocore's parser has an error of its own, which quotes the answer."""
    (tmp_path / "token").write_text("a-token-of-the-pod")
    cut = Reply(
        content_type="text/xml", steps=[b"<AssumeRoleWithWebIdentityResponse><Credentials><SecretAccessKey>SEKRET"]
    )
    async with serving(cut) as sts:
        for name, value in {
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/app",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": sts.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Failure, match=r"\(ResponseParserError\)") as raised:
            await shown({})
    assert "SEKRET" not in f"{raised.value} {caplog.text}"


async def test_all_backends_share_one_set_of_credentials() -> None:
    """Two services and two regions: one fetch, and two signers."""
    async with serving(Bedrock().credentials()) as giver, http.session() as session:
        own = around(session, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url})
        one = signed("a", service="bedrock", region=REGION, around=own)
        same = signed("b", service="bedrock", region=REGION, around=own)
        other = signed("c", service="lambda", region="us-east-1", around=own)
        put = await asyncio.gather(*(each.show("http://h/x", JSON, b"") for each in (one, same, other)))
        for each in own.identities.values():
            await each.aclose()
    assert one is same is not other
    assert len(own.identities) == 2
    assert {each.secret for each in put} == {"token-1"}
    assert len(giver.received) == 1


async def test_credentials_that_were_taken_for_ended_are_fetched_once_more() -> None:
    """Two requests that were refused with the same ones are one fetch; the next ones are not thrown away."""
    async with serving(Bedrock().credentials()) as giver, http.session() as session:
        identity = signed(
            "a",
            service="bedrock",
            region=REGION,
            around=around(session, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url}),
        )
        first = await identity.show("http://h/x", JSON, b"")
        assert first.ended is not None
        first.ended()
        second = await identity.show("http://h/x", JSON, b"")
        first.ended()
        third = await identity.show("http://h/x", JSON, b"")
        await identity.aclose()
    assert (first.secret, second.secret, third.secret) == ("token-1", "token-2", "token-2")
    assert len(giver.received) == 2


async def test_nothing_secret_is_shown_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    """botocore logs what it signs when everything is logged."""
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    with caplog.at_level(logging.DEBUG):
        _, put = await shown(STATIC)
    assert not any(word in f"{caplog.text} {put!r}" for word in (SECRET, "token-0"))


async def test_the_machines_own_region_is_taken() -> None:
    """Where the entry names none; without any it is a sentence."""
    async with http.session() as session:
        found = signed("a", service="x", region="", around=around(session, {"AWS_DEFAULT_REGION": "eu-west-3"}))
        assert repr(found) == "Signed(x, eu-west-3)"
        with pytest.raises(RoutesError, match="backend 'a': no region: set region in its entry"):
            signed("a", service="x", region="", around=around(session, {}))
        for odd in ("eu-central1", "evil.example/?", "EU-CENTRAL-1"):
            with pytest.raises(RoutesError, match="is none of AWS's: write it like eu-central-1"):
                signed("a", service="x", region=odd, around=around(session, {}))


async def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variant of the image that has it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    async with http.session() as session:
        with pytest.raises(RoutesError, match=r"backend 'a': .* not installed: run the image's variant aws"):
            signed("a", service="x", region=REGION, around=around(session, {}))


def test_the_app_starts_without_botocore() -> None:
    """It takes a quarter of a second: only a request that is to be signed has it imported."""
    code = "import sys, app.inference.adapters; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
