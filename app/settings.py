"""The app's configuration: read from the environment once, at start, into one frozen value. Deeper code never sees the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

PREFIX = "TRIMARAN_"
_ANSWERING = ("routes", "routes_yaml", "model_name")  # each says alone which models answer
_SERVERS = ("vllm", "litserve")
_READ_BY = {
    **dict.fromkeys(("engine_model", "engine_revision", "engine_weights", "engine_args"), _SERVERS),
    "engine_pipeline": ("litserve",),
}


class SettingsError(ValueError):
    """A setting that cannot be used; the text names the variable, why, and what to do."""


def _switch(value: object) -> object:
    return {"1": True, "0": False, "": False}.get(value, value) if isinstance(value, str) else value


def _origins(value: object) -> object:
    """A list from `https://a.example, https://b.example:8443` or `*`; apps and extensions have schemes of their own. Raises ValueError."""
    if not isinstance(value, str):
        return value
    origins = [origin for part in value.split(",") if (origin := part.strip().rstrip("/"))]
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and not (parts.scheme and parts.netloc and not parts.path):
            raise ValueError(f"'{origin}' is not an origin such as https://app.example")
    return tuple(origins)


def _hosts(value: object) -> object:
    """A list from `chat.example, *.lan.example`. Raises ValueError."""
    if not isinstance(value, str):
        return value
    hosts = tuple(host for part in value.split(",") if (host := part.strip().lower().strip("[]").removesuffix(".")))
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"'{host}' is not a host's name such as chat.example, without scheme and port")
    return hosts


_HOST = re.compile(r"\*|(?:\*\.)?[a-z0-9_.-]+|[0-9a-f:.]*:[0-9a-f:.]*")  # the last is an IPv6 address
_PLANNED = ("sagemaker", "runpod", "modal", "replicate")


def _built(value: object) -> object:
    """Raises ValueError for an entry point that is planned: the app would start, and not as its platform expects."""
    if value in _PLANNED:
        raise ValueError("this entry point is not built yet; there are 'server', 'vertex' and 'lambda'")
    return value


Switch = Annotated[bool, BeforeValidator(_switch)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseModel):
    """Each field is the variable TRIMARAN_<FIELD>. ``drain_s``: seconds that running answers get to finish after SIGTERM.
    ``engine_…``: the app's own vLLM or LitServe: the model's name, its commit, the folder or bucket of its weights, more words for it,
    and for LitServe the class that answers, as package.module:ClassName.

    ``model_name``: a model of OpenAI's, which answers where no routes are given. ``redis_password_file`` holds the password for ``redis_url``.
    ``allowed_hosts``: the names by which the app may be called, beside loopback's, where it listens on loopback only or has no keys.
    ``metrics_port`` opens a second port, on ``metrics_host``, that answers `/metrics` and `/v1/routes` without a key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Port = 8000
    metrics_host: str = "127.0.0.1"
    metrics_port: Port | None = None
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_origins)] = ()
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_hosts)] = ()
    routes: Path | None = None
    routes_yaml: str = ""
    model_name: str = ""
    api_keys: SecretStr = SecretStr("")
    api_keys_file: Path | None = None
    allow_no_keys: Switch = False
    redis_url: SecretStr = SecretStr("")
    redis_password_file: Path | None = None
    data_dir: Path = Path(".trimaran/data")
    revision: str = "dev"
    engine: Literal["embedded", "vllm", "litserve", "none"] = "embedded"
    engine_model: str = ""
    engine_revision: str = ""
    engine_weights: str = ""
    engine_args: str = ""
    engine_pipeline: str = ""
    drain_s: float = Field(30, ge=0)
    log_prompts: Switch = False
    entrypoint: Annotated[Literal["server", "vertex", "lambda"], BeforeValidator(_built)] = "server"

    @model_validator(mode="after")
    def _refuse_unread(self) -> Self:
        """A setting that is read and then ignored would be believed. Raises ValueError."""
        given = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        for name, readers in _READ_BY.items():
            if given.get(name) and self.engine not in readers:
                raise ValueError(
                    f"{PREFIX}{name.upper()} is set, and only TRIMARAN_ENGINE={' or '.join(readers)} reads it;"
                    f" TRIMARAN_ENGINE is {self.engine}"
                )
        if self.engine in _SERVERS and self.model_name:
            raise ValueError(
                "TRIMARAN_MODEL_NAME is a model of OpenAI's; the one that the app's own server runs is TRIMARAN_ENGINE_MODEL"
            )
        if len(answering := [name for name in _ANSWERING if given.get(name)]) > 1:
            first, second = (PREFIX + name.upper() for name in answering[:2])
            raise ValueError(f"{first} and {second} are both set, and one would be ignored: unset one")
        if self.redis_password_file is not None and not self.redis_url.get_secret_value():
            raise ValueError(
                "TRIMARAN_REDIS_PASSWORD_FILE is set without TRIMARAN_REDIS_URL, which says where Redis is"
            )
        if "metrics_host" in given and self.metrics_port is None:
            raise ValueError("TRIMARAN_METRICS_HOST is set without TRIMARAN_METRICS_PORT, which opens the second port")
        return self

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings that ``environment`` gives; other variables with the prefix are left alone, and so are empty ones: a compose file
    cannot leave a variable out. Raises SettingsError.
    """
    named = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
    given = {name.removeprefix(PREFIX).lower(): value for name, value in named.items()}
    try:
        return Settings.model_validate({name: given[name] for name in Settings.model_fields if name in given})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        if not first["loc"]:  # about several together
            raise SettingsError(first["msg"].removeprefix("Value error, ")) from None
        name = PREFIX + str(first["loc"][0]).upper()
        seen = "" if name == "TRIMARAN_API_KEYS" else f"'{given[str(first['loc'][0])]}' "
        why = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}={seen}cannot be used: {why[0].lower()}{why[1:]}") from None
