"""Every field that OpenAI's client can send has an answer here: it is taken, it is a hint, or it is refused with a reason of its own."""

from __future__ import annotations

import pytest
from openai.types import completion_create_params as completions
from openai.types import embedding_create_params as embeddings
from openai.types.chat import completion_create_params as chat

from app.inference.fields import HINTS, REASONS
from app.inference.variants import VARIANTS, allowed
from app.logic.answer import Endpoint

SENT = {
    Endpoint.CHAT: chat.CompletionCreateParamsBase,
    Endpoint.COMPLETIONS: completions.CompletionCreateParamsBase,
    Endpoint.EMBEDDINGS: embeddings.EmbeddingCreateParams,
}


@pytest.mark.parametrize("endpoint", SENT)
def test_no_field_of_the_client_is_merely_unknown(endpoint: Endpoint) -> None:
    """A field that a newer client brings is decided on when the client is."""
    taken = allowed(VARIANTS["openai"], endpoint)
    assert SENT[endpoint].__annotations__.keys() - taken - HINTS - REASONS.keys() == set()
