"""Answers kept for when every backend is down, where a route asks for it (`when_down: [cache]`). Scoped by key: nobody reads another's answer."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec

from app.logic.answer import Batch, Call, Endpoint, Failure, Kind
from app.wire.events import Usage, Wire

MAX_BYTES = 64 * 2**20
MAX_ANSWER_BYTES = 256 * 2**10
CACHE = "cache"


class AnswerCache:
    """The answers used last, up to 64 MiB of them."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, Sequence[Batch]] = OrderedDict()
        self._size = 0

    def keep(self, call: Call, batches: Sequence[Batch]) -> None:
        """Keeps a complete answer, if it is not too large."""
        size = _size(batches)
        if size > MAX_ANSWER_BYTES:
            return
        self._drop(digest := _digest(call))
        self._answers[digest] = batches
        self._size += size
        while self._size > MAX_BYTES:
            self._drop(next(iter(self._answers)))

    def find(self, call: Call) -> Sequence[Batch] | None:
        digest = _digest(call)
        if digest in self._answers:
            self._answers.move_to_end(digest)
        return self._answers.get(digest)

    def _drop(self, digest: bytes) -> None:
        self._size -= _size(self._answers.pop(digest, ()))


def _size(batches: Sequence[Batch]) -> int:
    return sum(len(batch.raw) for batch in batches)


def _digest(call: Call) -> bytes:
    question = [call.key, call.endpoint, call.model, call.stream, call.include_usage, call.body]
    return hashlib.sha256(msgspec.json.encode(question, order="sorted")).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheBackend:
    """The cache as one more backend, so that an answer from it passes the same way as any other."""

    cache: AnswerCache
    name: str = CACHE
    model: str = ""
    endpoints: frozenset[Endpoint] = frozenset(Endpoint)

    async def open(self, call: Call, deadline: float) -> CachedAnswer:
        del deadline
        batches = self.cache.find(call)
        if batches is None:
            text = "the cache has no answer to this request"
            raise Failure(Kind.UNREACHABLE, text, reason=text)
        return CachedAnswer(batches)

    async def ready(self) -> bool:
        return True

    async def aclose(self) -> None:
        """Holds nothing open."""


class CachedAnswer:
    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self.usage: Usage | None = None

    @property
    def wire(self) -> Wire:
        return self._batches[0].wire

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for batch in self._batches:
            yield batch

    def abort(self) -> None:
        """Nothing runs."""

    async def aclose(self) -> None:
        """Holds nothing open."""
