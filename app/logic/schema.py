"""Whether a value matches a JSON schema that a caller sent: within bounds, since it is judged while others wait."""

from __future__ import annotations

from typing import Any

import msgspec

# Branches that refer to each other are tried one after the other: 24 references are some 7,000 ways at most, 60 could be a billion.
MAX_REFERENCES = 24
MAX_SCHEMA_BYTES = 32 * 2**10


def matches(schema: Any, value: Any) -> bool:
    """False where ``value`` breaks ``schema``. A schema that is too large to judge by, or is none, is broken by nothing.

    No reference is fetched, and patterns are matched in linear time.
    """
    try:
        encoded = msgspec.json.encode(schema)
    except (TypeError, ValueError, RecursionError):
        return True
    if len(encoded) > MAX_SCHEMA_BYTES or encoded.count(b'"$ref"') > MAX_REFERENCES:
        return True
    import jsonschema_rs  # 60 ms: only where an answer must match a schema

    try:
        validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
        return validator.is_valid(value)
    except ValueError:
        return True
