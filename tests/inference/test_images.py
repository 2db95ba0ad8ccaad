"""Images by address: fetched safely or refused. Real sockets; the public host is a local server by an injected resolver."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from typing import Any

import pytest

from app.inference.images import ImageFetcher, is_public
from app.logic.admission.body_bytes import UNCOUNTED, BodyBytes, Full
from app.logic.answer import Failure, Kind
from tests.clock import PATIENCE_S
from tests.inference.contract import SUBJECTS, backend, call, opened
from tests.inference.fakes.server import Fake, Reply, Then, serving

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
PICTURE = Reply(content_type="application/octet-stream", steps=[PNG])


class Names:
    """A resolver that counts; each look-up gives the next answer, the last one again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def fetcher(names: Names | None = None, **limits: Any) -> ImageFetcher:
    """One to which 127.0.0.1 is a public address and 127.0.0.2 is not."""
    return ImageFetcher(resolve=names or Names(["127.0.0.1"]), permitted=lambda ip: ip == "127.0.0.1", **limits)


def address(fake: Fake, scheme: str = "http") -> str:
    return f"{scheme}://images.example:{fake.url.rpartition(':')[2]}/cat.png"


def messages(*urls: str) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    return [{"role": "user", "content": [{"type": "text", "text": "what?"}, *parts]}]


def soon() -> float:
    return time.monotonic() + 30


async def test_an_image_is_put_in_place() -> None:
    """The format is read from the bytes; the caller's own message is not touched."""
    async with serving(PICTURE) as fake:
        asked = messages(address(fake), "data:image/png;base64,aGk=")
        [message] = await fetcher().inline(asked, soon(), UNCOUNTED)
    _, first, second = message["content"]
    assert first["image_url"] == {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}", "detail": "low"}
    assert second["image_url"]["url"] == "data:image/png;base64,aGk="
    assert asked == messages(address(fake), "data:image/png;base64,aGk=")
    assert fake.received[0].headers["host"].startswith("images.example")


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """DNS rebinding: the name is looked up once, and the connection goes to what was checked."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with serving(PICTURE) as fake:
        await fetcher(names).inline(messages(address(fake)), soon(), UNCOUNTED)
    assert (names.asked, len(fake.received)) == (1, 1)


@pytest.mark.parametrize("answer", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], []])
async def test_a_host_with_any_private_address_is_refused(answer: list[str]) -> None:
    """No connection is made to it."""
    async with serving(PICTURE) as fake:
        with pytest.raises(Failure, match="not a public host") as raised:
            await fetcher(Names(answer)).inline(messages(address(fake)), soon(), UNCOUNTED)
    assert (raised.value.kind, raised.value.param, fake.received) == (Kind.BAD_REQUEST, "messages", [])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.1.2.3"],
)
async def test_the_real_resolver_lets_nothing_private_through(host: str) -> None:
    """However a private address is written."""
    with pytest.raises(Failure, match=r"not a public host|cannot be resolved"):
        await ImageFetcher().inline(messages(f"http://{host}/"), soon(), UNCOUNTED)


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::6810:84e5", True),
        ("2001:4860:4860::8888", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("2606:4700::5efe:5db8:d822", True),
        ("192.0.2.1", False),
        ("198.51.100.1", False),
        ("203.0.113.1", False),
        ("198.18.0.1", False),
        ("192.88.99.1", False),
        ("240.0.0.1", False),
        ("::", False),
        ("::93.184.216.34", False),
        ("::ffff:0:93.184.216.34", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:192.0.2.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::5db8:d822", False),
        ("2002:5db8:d822::1", False),
        ("2001:0:5db8:d822::1", False),
        ("2606:4700::5efe:a00:1", False),
        ("2606:4700::200:5efe:7f00:1", False),
        ("fec0::1", False),
        ("feff::1", False),
        ("fc00::1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("2001:2::1", False),
        ("2001:20::1", False),
        ("100::1", False),
        ("5f00::1", False),
        ("4000::1", False),
        ("8000::1", False),
        ("ff02::1", False),
        ("fe80::1%eth0", False),
        ("2606:4700::1%eth0", False),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("168.63.129.16", False),
        ("192.0.0.192", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00:ec2::254", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_public_addresses(ip: str, public: bool) -> None:
    """What was given out for hosts is; loopback, private, link- and site-local, shared, documentation and metadata addresses are not, nor
    what carries one of these inside, nor what no registry has given out.
    """
    assert is_public(ip) is public


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(status=302, headers={"location": "http://127.0.0.2/"}), "redirects are not followed"),
        (Reply(status=404), "answered 404"),
        (Reply(content_type="image/png", steps=[b"<html>"]), "not a PNG"),
        (Reply(steps=[PNG], endless=bytes(65536)), "more than"),
        (Reply(steps=[PNG, Then.RESET]), "cannot be fetched"),
        (Reply(before_head=Then.SILENCE), "took longer than"),
    ],
    ids=["redirect", "missing", "html", "too_big", "reset", "silent"],
)
async def test_what_is_no_image_is_refused(reply: Reply, why: str) -> None:
    """The request fails with the reason; nothing of what was fetched is told."""
    async with serving(reply) as fake:
        with pytest.raises(Failure, match=why) as raised:
            await fetcher(max_bytes=2**20, max_s=0.3).inline(messages(address(fake)), soon(), UNCOUNTED)
    assert raised.value.kind is Kind.BAD_REQUEST
    assert "<html>" not in raised.value.message


async def test_images_count_while_they_come() -> None:
    """What is over the limit with all that is held is not collected, and the other images of the request are not either."""
    everything = BodyBytes(2**20)
    large, endless = Reply(steps=[PNG, bytes(600_000)]), Reply(steps=[PNG], endless=bytes(65536))
    async with serving(large) as fake, serving(endless) as other:
        with everything.share() as request:
            request.grow(1000)
            with request.beside() as held:
                await fetcher().inline(messages(address(fake)), soon(), held)
                assert everything.held == pytest.approx(1000 + 600_000 * 4 / 3, rel=0.01)
                with everything.share() as more, pytest.raises(Full):
                    await fetcher().inline(messages(address(fake), address(other)), soon(), more)
                await asyncio.wait_for(other.closed.wait(), PATIENCE_S)
            assert everything.held == 1000


async def test_one_image_that_is_not_taken_ends_the_fetching_of_the_others() -> None:
    """Nobody waits for them any more."""
    async with serving(Reply(status=404)) as missing, serving(Reply(before_head=Then.SILENCE)) as silent:
        with pytest.raises(Failure, match="answered 404"):
            await fetcher().inline(messages(address(missing), address(silent)), soon(), UNCOUNTED)
        await asyncio.wait_for(silent.closed.wait(), PATIENCE_S)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/", "http://user:pw@a/", "http://", "gopher://x", "x"])
async def test_other_addresses_are_refused(url: str) -> None:
    """Only data:, http: and https:, without credentials."""
    with pytest.raises(Failure, match="only data:, http: and https:"):
        await fetcher().inline(messages(url), soon(), UNCOUNTED)


async def test_at_most_a_few_are_fetched() -> None:
    """One request is no crawler."""
    with pytest.raises(Failure, match="at most 8"):
        await fetcher().inline(messages(*(f"http://a/{n}" for n in range(9))), soon(), UNCOUNTED)


async def test_the_requests_own_deadline_counts() -> None:
    """A silent image server does not outlast the request."""
    async with serving(Reply(before_head=Then.SILENCE)) as fake:
        patient = fetcher(max_s=10 * PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Failure):
                await patient.inline(messages(address(fake)), time.monotonic() + 0.1, UNCOUNTED)
        await asyncio.wait_for(fake.closed.wait(), PATIENCE_S)


@pytest.mark.parametrize(
    "vendor", [v for v in SUBJECTS if v.adapter in ("openai", "anthropic")], ids=lambda v: v.adapter
)
async def test_a_vendor_fetches_in_its_own_network(vendor: Any) -> None:
    """The address goes on untouched."""
    async with backend(vendor, Reply(status=500)) as (subject, fake):
        with pytest.raises(Failure):
            await opened(subject, call(messages=messages("https://images.example/cat.png")))
    assert vendor.asked(fake.received[0]).images == ("https://images.example/cat.png",)


@pytest.mark.parametrize("vendor", [v for v in SUBJECTS if v.adapter in ("vllm", "tgi")], ids=lambda v: v.adapter)
async def test_a_server_of_ours_never_sees_an_address(vendor: Any) -> None:
    """A server in our network would reach what the caller must not; the same goes for parts that it would load."""
    async with backend(vendor, Reply(status=500)) as (subject, fake):
        with pytest.raises(Failure, match="not a public host"):
            await opened(subject, call(messages=messages("http://169.254.169.254/latest/meta-data")))
        video = [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "http://10.0.0.1/"}}]}]
        with pytest.raises(Failure, match="video_url"):
            await opened(subject, call(messages=video))
    assert fake.received == []
