"""Which tool call a streamed piece of OpenAI's wire belongs to, for whoever puts calls together: servers number them in many ways, or not at all.

Shapes as in public reports of what servers send, 2026-12-01: parallel calls that all have index 0 (Gemini's, SGLang's and Dynamo's parsers),
no index or null (Gemini, Ollama, mistral.rs), the name in each piece (MiniMax), a new id in each piece (LM Studio).
"""

from __future__ import annotations


class Calls:
    """One choice's tool calls, in the order in which they began."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._at: dict[int, int] = {}  # the call that an index means now

    def slot(self, index: object, call_id: str, name: str) -> int:
        """The place of the call to which a piece belongs that has this ``index``, ``call_id`` and ``name``: the next one where it begins a call."""
        number = index if isinstance(index, int) else None
        slot = self._going_on(number, call_id, name)
        if slot is None:
            slot = len(self._ids)
            self._ids.append(call_id)
        self._ids[slot] = self._ids[slot] or call_id
        if number is not None:
            self._at[number] = slot
        return slot

    def _going_on(self, number: int | None, call_id: str, name: str) -> int | None:
        """The call that goes on; None where one begins. What has no name begins none: only the first piece of a call has to have one."""
        there = self._at.get(number) if number is not None else None
        if there is not None and call_id in ("", self._ids[there]):
            return there
        if call_id in self._ids and (there is not None or number is None):
            return self._ids.index(call_id)
        if there is not None and not (name and self._ids[there]):
            return there
        if name or not self._ids:
            return None
        return None if number is not None and call_id else len(self._ids) - 1
