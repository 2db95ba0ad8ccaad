"""The one list of dialects: which path speaks which. A new one is a file beside this and its row here."""

from __future__ import annotations

from app.api.dialects import chat, openai
from app.api.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    "/v1/chat": chat.CHAT,
    "/v1/chat/completions": openai.CHAT,
    "/v1/completions": openai.COMPLETIONS,
    "/v1/embeddings": openai.EMBEDDINGS,
}


def spoken_at(path: str) -> Dialect:
    """The dialect of a path; OpenAI's for one that has none of its own, where errors must have some form too."""
    return DIALECTS.get(path, openai.CHAT)
