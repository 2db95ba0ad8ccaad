"""The routes file: which public models there are and which backends answer for them. Parsed once into frozen values.

A mistake is told with the file, the line and the nearest known key.
"""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from app.logic.answer import CONNECT_S
from app.logic.excerpt import MAX_CHARS
from catalog.models import EMBEDDED

FIRST_TOKEN_S = 15.0
LAST_FIRST_TOKEN_S = 60.0
BETWEEN_TOKENS_S = 30.0
# The arguments of a tool call come in bursts with gaps of 50 to 180 s at some vendors, and hidden thoughts not at all (public reports
# against the vendors' own clients, 2026-11-30).
SILENT_S = 180.0


# A variable's name as POSIX has it; a vendor's key may look like one, but begins as these do (their own documentation, checked 2026-12-01).
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"(?:[a-z]{2,6}\d?_|AKIA|ASIA|AIza|ABSK)[A-Za-z0-9]{12}|.*[A-Za-z0-9]{25}", re.S)
_SECRET = ("key_env", "auth")  # a mistake there may be a key in the wrong place: what was written is not told


class RoutesError(ValueError):
    """A routes file that cannot be used; the text says where, why and what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# How a model takes up an answer that was cut: not at all; by a last message of the assistant, with llama.cpp's and vLLM's flags, with
# Mistral's `prefix`, or bare; or by being asked to.
Continuation = Literal["none", "final_message", "prefix", "bare", "instruct"]


class Capabilities(_Frozen):
    continuation: Continuation | None = None
    context: int | None = Field(None, gt=0)


class Price(_Frozen):
    """Dollars per million tokens. What is left out of the cache's prices costs what ``app.logic.price.rates`` says."""

    input_usd_per_mtok: Decimal = Field(ge=0)
    output_usd_per_mtok: Decimal = Field(ge=0)
    cache_read_usd_per_mtok: Decimal | None = Field(None, ge=0)
    cache_write_usd_per_mtok: Decimal | None = Field(None, ge=0)
    cache_write_1h_usd_per_mtok: Decimal | None = Field(None, ge=0)


class Auth(_Frozen):
    """How the app says who it is where a key is not how: by the identity that the machine has in its cloud."""

    kind: Literal["gcp_id_token", "aws_sigv4", "entra"]
    audience: str = ""  # gcp_id_token
    service: str = ""  # aws_sigv4: what signs, such as `lambda` or `vpc-lattice-svcs`
    scope: str = ""  # entra


class Guardrail(_Frozen):
    """Bedrock's, by a version that does not change."""

    id: str = Field(min_length=1)
    version: str = Field(pattern=r"^[1-9][0-9]{0,7}$")


class BackendSpec(_Frozen):
    adapter: str
    model: str = ""
    revision: str = ""
    base_url: str = ""
    key_env: str = ""
    auth: Auth | None = None
    region: str = ""
    project: str = ""
    location: str = ""
    residency: Literal["", "strict"] = ""  # strict: no request leaves the location
    endpoint: str = ""
    profile: str = ""  # Bedrock's: what the model is called through, an ARN that does not tell which it is
    guardrail: Guardrail | None = None
    max_running: int = Field(64, gt=0)
    scale_to_zero: bool = False  # may be asleep: a request waits for it up to `wake_s`
    capabilities: Capabilities = Capabilities()
    price: Price | None = None

    @model_validator(mode="before")
    @classmethod
    def _embedded_model(cls, given: Any) -> Any:
        """An embedded backend that names no model has the one that comes first in the catalog."""
        if isinstance(given, dict) and given.get("adapter") == "embedded" and not given.get("model"):
            return given | {"model": next(iter(EMBEDDED))}
        return given

    @field_validator("key_env", mode="before")
    @classmethod
    def _name_of_a_variable(cls, given: Any) -> Any:
        if given and not (isinstance(given, str) and _VARIABLE.fullmatch(given) and not _KEY.match(given)):
            raise PydanticCustomError("no_variable", "it is the name of a variable, such as OPENAI_API_KEY, not a key")
        return given


class Use(_Frozen):
    use: str
    weight: int = Field(1, ge=0)


class Limits(_Frozen):
    """Seconds. ``between_tokens_s`` and ``first_token_s`` count content, not bytes."""

    connect_s: float = Field(CONNECT_S, gt=0)
    first_token_s: float | None = Field(None, gt=0)
    between_tokens_s: float | None = Field(None, gt=0)
    total_s: float = Field(600, gt=0)
    wake_s: float = Field(900, gt=0)

    def first_token(self, *, is_last: bool, thinks: bool = False) -> float:
        """How long a backend has for its first content. Where the routes file does not say, the last one that may be asked has longer,
        and so has a model that ``thinks`` in silence.
        """
        if thinks:
            return self.first_token_s or (SILENT_S if is_last else LAST_FIRST_TOKEN_S)
        return self.first_token_s or (LAST_FIRST_TOKEN_S if is_last else FIRST_TOKEN_S)

    def between_tokens(self, *, silent: bool) -> float:
        """How long a stream may show no content. ``silent``: the model may be at work all the same, where the routes file does not say."""
        return self.between_tokens_s or (SILENT_S if silent else BETWEEN_TOKENS_S)


GO_ON = (
    "Your answer was interrupted. Continue it from exactly where it stops, in the middle of a word if need be, and in its language. "
    "Write only what comes next: no greeting, no apology, nothing that you have written already."
)


class ModelRoute(_Frozen):
    """``go_on``: what a model is asked that can go on with an answer only by being asked to."""

    strategy: Literal["failover", "weighted", "least_busy", "lowest_latency", "cheapest"] = "failover"
    sticky: Literal["none", "session"] = "none"
    backends: tuple[Use, ...] = Field(min_length=1)
    system_prompt: str = ""
    retries: int = Field(1, ge=0)
    rescue: bool = True
    go_on: str = Field(GO_ON, min_length=1)
    unsupported: Literal["refuse", "drop"] = "refuse"
    unguarded: Literal["refuse", "allow"] = (
        "refuse"  # whether a backend without a guardrail may stand beside one that has it
    )
    hold_structured: bool = False
    hedge_share: float = Field(0, ge=0, le=1)
    on_store_loss: Literal["deny", "allow"] = "deny"  # for budgets, which are not built yet
    limits: Limits = Limits()
    when_down: tuple[str, ...] = ()


class KeyLimits(_Frozen):
    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    usd_per_day: Decimal | None = Field(None, ge=0)
    usd_per_month: Decimal | None = Field(None, ge=0)


class Routes(_Frozen):
    version: Literal[1]
    backends: dict[str, BackendSpec] = Field(min_length=1)
    models: dict[str, ModelRoute] = Field(min_length=1)
    default_model: str = ""
    keys: dict[str, KeyLimits] = {}


def parse(text: str, source: str) -> Routes:
    """The routes in ``text``; ``source`` is the name by which a mistake is reported. Raises RoutesError."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if (repeated := _repeated(node, set())) is not None:
            raise RoutesError(
                f"{source}:{repeated.start_mark.line + 1}: '{repeated.value}' is there twice: leave one out"
            )
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise RoutesError(f"{source}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    except RoutesError:
        raise
    except (ValueError, KeyError, AttributeError, RecursionError):
        # What PyYAML lets through of a value that looks like a date and is none, of a tag that does not fit, of a file that is nested too deeply.
        raise RoutesError(
            f"{source}{_odd(text)}: not valid YAML: a value is not what it looks like, such as a date: put it in quotation marks"
        ) from None
    if not isinstance(values, dict):
        raise RoutesError(f"{source}: a routes file is a mapping that starts with 'version: 1'")
    try:
        routes = Routes.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise RoutesError(f"{source}:{_line(node, first['loc'])}: {_explain(first, values)}") from None
    _check_references(routes, source, node)
    return routes


def _repeated(node: yaml.Node | None, seen: set[int]) -> yaml.ScalarNode | None:
    """The first key that stands twice in one mapping: YAML's reader would take the last one without a word."""
    if node is None or id(node) in seen or not isinstance(node, yaml.CollectionNode):
        return None
    seen.add(id(node))
    keys: set[str] = set()
    for item in node.value:
        if isinstance(node, yaml.MappingNode) and isinstance(key := item[0], yaml.ScalarNode) and key.value != "<<":
            if key.value in keys:
                return key
            keys.add(key.value)
        found = _repeated(item[1] if isinstance(node, yaml.MappingNode) else item, seen)
        if found is not None:
            return found
    return None


def _odd(text: str) -> str:
    """The line of the first value that PyYAML cannot make, after a colon; empty where that is not told."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_event():
            event = loader.get_event()  # type: ignore[no-untyped-call]
            if isinstance(event, yaml.ScalarEvent):
                tag = event.tag or loader.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]
                try:
                    loader.construct_object(yaml.ScalarNode(tag, event.value))
                except (ValueError, KeyError, AttributeError):
                    return f":{event.start_mark.line + 1}" if event.start_mark else ""
    except (yaml.YAMLError, RecursionError):
        return ""
    return ""


def _check_references(routes: Routes, source: str, node: yaml.Node | None) -> None:
    for name, model in routes.models.items():
        for position, use in enumerate(model.backends):
            if use.use not in routes.backends:
                line = _line(node, ("models", name, "backends", position, "use"))
                raise RoutesError(
                    f"{source}:{line}: model '{name}' uses backend '{use.use}', which is not under 'backends'."
                    f"{nearest(use.use, routes.backends)}"
                )
        _check_shares(name, model, source, node)
        known = {*routes.backends, "cache", "503"}
        for resort in model.when_down:
            if resort not in known:
                line = _line(node, ("models", name, "when_down"))
                raise RoutesError(
                    f"{source}:{line}: model '{name}' falls back on '{resort}', which is neither a backend nor 'cache' nor '503'."
                    f"{nearest(resort, known)}"
                )
    _refuse_unguarded(routes, source, node)
    _refuse_what_is_not_built(routes, source, node)
    if routes.default_model and routes.default_model not in routes.models:
        raise RoutesError(
            f"{source}:{_line(node, ('default_model',))}: default_model '{routes.default_model}' is not under 'models'."
            f"{nearest(routes.default_model, routes.models)}"
        )


def _check_shares(name: str, model: ModelRoute, source: str, node: yaml.Node | None) -> None:
    used = [use.use for use in model.backends]
    for position, each in enumerate(used):
        if each in used[:position]:
            line = _line(node, ("models", name, "backends", position, "use"))
            raise RoutesError(
                f"{source}:{line}: model '{name}' uses backend '{each}' twice: once is enough; its share is its weight"
            )
    if model.strategy == "weighted" and not any(use.weight for use in model.backends):
        line = _line(node, ("models", name, "backends"))
        raise RoutesError(
            f"{source}:{line}: model '{name}': all weights are 0, so no backend would be asked: give one more"
        )


def _refuse_unguarded(routes: Routes, source: str, node: yaml.Node | None) -> None:
    """A caller chooses which backend answers, by a field that the guarded one does not take: no guardrail holds that only some have."""
    for name, model in routes.models.items():
        used = [use.use for use in model.backends] + [each for each in model.when_down if each in routes.backends]
        guarded = [each for each in used if routes.backends[each].guardrail is not None]
        if model.unguarded == "allow" or not guarded:
            continue
        bare = next((each for each in used if each not in guarded), None)
        if bare is not None:
            key = "backends" if any(use.use == bare for use in model.backends) else "when_down"
            raise RoutesError(
                f"{source}:{_line(node, ('models', name, key))}: model '{name}': backend '{guarded[0]}' has a guardrail and backend "
                f"'{bare}' has none, so a request can go past it: give '{bare}' one, leave it out, or say 'unguarded: allow'"
            )


def _refuse_what_is_not_built(routes: Routes, source: str, node: yaml.Node | None) -> None:
    """A limit that is read and then ignored would be worse than none."""
    if routes.keys:
        raise RoutesError(
            f"{source}:{_line(node, ('keys',))}: 'keys' (limits and budgets per key) is not built yet: leave it out"
        )
    for name, model in routes.models.items():
        for key in ("hedge_share", "on_store_loss"):
            if getattr(model, key) != ModelRoute.model_fields[key].default:
                line = _line(node, ("models", name, key))
                raise RoutesError(f"{source}:{line}: '{key}' is not built yet: leave it out")


def nearest(word: str, known: Any) -> str:
    """A sentence that lists what is known and names what was probably meant; starts with a space. Comparing a long word would take seconds."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(word, names, n=1) if len(word) <= MAX_CHARS else ()
    meant = f" Did you mean '{close[0]}'?" if close else ""
    return f" Known: {', '.join(names)}.{meant}"


def _explain(error: Any, values: Any) -> str:
    *parents, key = error["loc"] or ("",)
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _fields(parents)
        if not set(_SECRET).isdisjoint(parents):
            return f"'{'.'.join(map(str, parents))}' has a key that is not known.{nearest('', known)}"
        return f"'{where}' is not a known key.{nearest(str(key), known)}"
    if error["type"] == "missing":
        return f"'{where}' is missing"
    why = f"{error['msg'][0].lower()}{error['msg'][1:]}"
    if not set(_SECRET).isdisjoint(error["loc"]):
        return f"'{where}': {why}"
    return f"'{where}' is {error['input']!r}: {why}"


def _fields(path: list[Any]) -> list[str]:
    """The keys known at ``path``, where each mapping or list of the file takes one more part of the path."""
    at: type[BaseModel] = Routes
    parts = iter(path)
    for part in parts:
        annotation: Any = at.model_fields[part].annotation
        models = [
            arg for arg in (annotation, *get_args(annotation)) if isinstance(arg, type) and issubclass(arg, BaseModel)
        ]
        at = models[0]
        if get_origin(annotation) in (dict, tuple):
            next(parts, None)
    return list(at.model_fields)


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line of the deepest node on ``path`` that the text has, counted from 1."""
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
            else:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line
