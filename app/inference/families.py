"""What is known of a model by the family that its name tells: dated, and never more than a default."""

from __future__ import annotations

import re

# Models that think for minutes without showing any of it (vendors' model pages and public reports of clients that gave up too early;
# checked 2026-11-30). A name may have a vendor in front, as at OpenRouter and Hugging Face.
_THINKS = re.compile(
    r"(?:^|[/.:])(?:"
    r"o[1345](?:-|$)|gpt-5|gpt-oss|codex"
    r"|claude-(?:3-7|opus-4|sonnet-4|haiku-4|opus-5|sonnet-5|haiku-5)"
    r"|gemini-(?:2\.5|3)"
    r"|grok-(?:3-mini|4)"
    r"|deepseek[-.](?:r1|reasoner|v3\.[1-9]|v4)"
    r"|qwq|qwen3|qwen-?max|glm-4\.[5-9]|glm-5|kimi-k2|minimax-m|magistral|seed-oss"
    r")|thinking|reasoning",
    re.I,
)


def thinks(model: str) -> bool:
    """Whether ``model`` may be silent for minutes while it is at work."""
    return _THINKS.search(model) is not None
