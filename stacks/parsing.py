"""From the engine's flat map to a target's frozen configuration; what is wrong is said in the words the user typed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from stacks.config import NAMESPACE, ConfigError, StackConfig
from stacks.targets import ENVIRONMENTS, TARGETS, named_in, nearest, unknown_target


def parse(
    raw: Mapping[str, str],
    stack: str,
    *,
    secret_keys: Collection[str] = (),
    encrypted: Collection[str] = (),
    rehearsal: bool = False,
) -> StackConfig:
    """The stack's config from the engine's flat map (full keys; maps and lists as JSON), with every key checked.

    It is of the class that the stack's target names. `secret_keys` are the keys whose values are stored encrypted, which no
    sentence shows; `encrypted` the places (`trimaran:settings.model`) whose values are not opened in `raw`, so that only a key
    that is meant to be secret may be one. `rehearsal` says that nothing real is made. Raises ConfigError.
    """
    given = {key.removeprefix(f"{NAMESPACE}:"): text for key, text in raw.items() if key.startswith(f"{NAMESPACE}:")}
    _refuse_secret_names(secret_keys, stack)
    target, environment = _target_and_environment(given, stack)
    kind = TARGETS[target].config_type()
    _refuse_unread(given, target, kind, stack)
    _refuse_plain_keys(given, kind, secret_keys, stack)
    _refuse_encrypted(encrypted, kind, target, stack)
    derived = {
        "stack": stack,
        "target": target,
        "environment": environment,
        "region": _region(raw, target),
        "rehearsal": rehearsal,
    }
    structured = structured_keys_of(kind)
    data = {key: _decoded(text) if key in structured else text for key, text in given.items()}
    try:
        return TypeAdapter(kind).validate_python({**data, **derived})
    except ValidationError as error:
        raise _translated(error, kind, target, stack, secret_keys) from None


def keys_of(kind: type[StackConfig]) -> tuple[str, ...]:
    """The config keys of a class, without the namespace, those of its own last."""
    return tuple(to_camel(each.name) for each in fields(kind) if each.name not in kind.derived)


def structured_keys_of(kind: type[StackConfig]) -> tuple[str, ...]:
    """The keys whose values are maps and lists, which reach the program as JSON; all others are taken as written."""
    found = _fields_of(kind)
    return tuple(key for key in keys_of(kind) if any(map(_is_structured, _alternatives(found[key].annotation))))


def _target_and_environment(given: Mapping[str, str], stack: str) -> tuple[str, str]:
    """From the stack's name unless config says them; both saying different things is an error."""
    target_in_name, environment_in_name = named_in(stack)
    target = given.get("target", target_in_name)
    environment = given.get("environment", environment_in_name)
    if target not in TARGETS:
        example = next(iter(TARGETS))
        set_target = f"./trimaran pulumi config set {NAMESPACE}:target {example} --stack {stack}"
        raise ConfigError(unknown_target(target), set_target if "target" in given else f"./trimaran up {example}")
    if target_in_name in TARGETS:
        _refuse_another(given, "target", target_in_name, stack)
    if environment_in_name:
        _refuse_another(given, "environment", environment_in_name, stack)
    if not environment:
        raise ConfigError(
            f"nothing says which environment stack '{stack}' is in: neither {NAMESPACE}:environment nor the end of its name, "
            f"which would be one of {', '.join(ENVIRONMENTS)}.",
            f"./trimaran pulumi config set {NAMESPACE}:environment {ENVIRONMENTS[-1]} --stack {stack}",
        )
    return target, environment


def _refuse_another(given: Mapping[str, str], key: str, in_name: str, stack: str) -> None:
    if given.get(key, in_name) != in_name:
        raise ConfigError(
            f"{NAMESPACE}:{key} is '{given[key]}', but the stack's name '{stack}' says '{in_name}'.",
            f"./trimaran pulumi config rm {NAMESPACE}:{key} --stack {stack}",
        )


def _refuse_secret_names(secret_keys: Collection[str], stack: str) -> None:
    """What a stack is must be readable: it decides how strictly the stack is held, also where nobody can decrypt."""
    for key in ("target", "environment"):
        if f"{NAMESPACE}:{key}" in secret_keys:
            raise ConfigError(
                f"{NAMESPACE}:{key} is stored as a secret, and must be readable.",
                f"./trimaran pulumi config rm {NAMESPACE}:{key} --stack {stack}",
            )


def _refuse_encrypted(places: Iterable[str], kind: type[StackConfig], target: str, stack: str) -> None:
    """An encrypted value that is needed in the clear, here where only the engine could open it."""
    for place in places:
        namespace, _, path = place.partition(":")
        key = path.partition(".")[0].partition("[")[0]
        is_meant = namespace == NAMESPACE and path == key and _is_secret(_fields_of(kind)[key])
        if not is_meant and (namespace == NAMESPACE or place in TARGETS[target].region_keys):
            meant = [each for each, info in _fields_of(kind).items() if _is_secret(info)]
            raise ConfigError(
                f"{place} is encrypted, and only the engine can open it; of this target's keys "
                f"{', '.join(meant) or 'none'} may be.",
                f"./trimaran pulumi config set --plaintext --path {shlex.quote(place)} VALUE --stack {stack}",
            )


def _region(raw: Mapping[str, str], target: str) -> str:
    """Where the cloud's own provider will read it; empty where it is not set and where there are no regions."""
    return next((raw[key] for key in TARGETS[target].region_keys if key in raw), "")


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in _alternatives(info.annotation)


def _is_structured(annotation: Any) -> bool:
    return get_origin(annotation) is not None or _is_section(annotation)


def _is_section(annotation: Any) -> bool:
    return hasattr(annotation, "__pydantic_fields__")


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types that a value may have, without what else an annotation says of them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for each in get_args(annotation):
            yield from _alternatives(each)
    else:
        yield annotation


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _refuse_unread(given: Iterable[str], target: str, kind: type[StackConfig], stack: str) -> None:
    """A key that this target does not read: one that has moved, one of other targets, or one that nobody knows."""
    known = keys_of(kind)
    for key in given:
        if key in known:
            continue
        remedy = f"./trimaran pulumi config rm {NAMESPACE}:{key} --stack {stack}"
        if key in kind.moved:
            raise ConfigError(f"config key '{NAMESPACE}:{key}' is no more: {kind.moved[key]}", remedy)
        raise ConfigError(
            f"config key '{NAMESPACE}:{key}' {_unread((key,), target)}{nearest(key, known)} Known keys: {', '.join(known)}.",
            remedy,
        )


def _unread(path: Collection[str], target: str) -> str:
    """Who else reads a key, or that nobody does."""
    readers = [name for name in TARGETS if _reads(TARGETS[name].config_type(), path)]
    return f"is not read by the target '{target}', only by {', '.join(readers)}." if readers else "is unknown."


def _reads(kind: type[StackConfig], path: Iterable[str]) -> bool:
    owner: type | None = kind
    known: Collection[str] = keys_of(kind)
    for part in path:
        if owner is None or part not in known:
            return False
        owner = _section_in(_fields_of(owner)[part])
        known = _fields_of(owner) if owner else ()
    return True


def _refuse_plain_keys(given: Iterable[str], kind: type[StackConfig], secret_keys: Collection[str], stack: str) -> None:
    for key in given:
        full_key = f"{NAMESPACE}:{key}"
        if _is_secret(_fields_of(kind)[key]) and full_key not in secret_keys:
            raise ConfigError(
                f"{full_key} is stored in plain text.",
                f"./trimaran pulumi config set --secret {full_key} --stack {stack}",
            )


def _translated(
    error: ValidationError, kind: type[StackConfig], target: str, stack: str, secret_keys: Collection[str]
) -> ConfigError:
    """The first thing that is wrong, in our words; a key that does not exist comes before a wrong value.

    Of a value that is stored encrypted nothing is shown, neither what it is nor what it is made of.
    """
    first = min(error.errors(), key=lambda each: each["type"] != "unexpected_keyword_argument")
    path = tuple(str(part) for part in first["loc"])
    is_stored_secret = bool(path) and f"{NAMESPACE}:{path[0]}" in secret_keys
    if is_stored_secret:
        path = path[:1]
    owner, info = _field_at(kind, path)
    shown = f"{NAMESPACE}:{_dotted(path)}"
    if first["type"] == "unexpected_keyword_argument" and not is_stored_secret:
        known = list(_fields_of(owner))
        return ConfigError(
            f"config key '{shown}' {_unread([part for part in path if not part.isdigit()], target)}{nearest(path[-1], known)} Known keys: {', '.join(known)}.",
            f"./trimaran pulumi config rm --path {shown} --stack {stack}",
        )
    expected = info.description or "something else"
    is_secret = _is_secret(_fields_of(kind)[path[0]])
    if is_stored_secret and not is_secret:
        is_secret = True
        sentence = f"{shown} must be {expected}; it is stored as a secret and not shown."
    elif first["type"] == "value_error" and (reason := str(first["ctx"]["error"])):
        sentence = f"{shown}: {reason}."
    elif is_secret:
        sentence = f"{shown} must be {expected}."
    else:
        sentence = f"{shown} is {_seen(first['input'])}; it must be {expected}."
    return ConfigError(sentence, _set_command(path, info, kind.examples.get(_dotted(path)), stack, is_secret=is_secret))


def _set_command(path: tuple[str, ...], info: FieldInfo, example: str | None, stack: str, *, is_secret: bool) -> str:
    """The command that sets a value which is taken; no command makes a list of what is something else."""
    is_list = any(get_origin(each) is tuple for each in _alternatives(info.annotation)) and not path[-1].isdigit()
    if not info.examples or is_list:
        return f"edit stacks/environments/Pulumi.{stack}.yaml; the example beside it explains every key"
    key = shlex.quote(f"{NAMESPACE}:{_dotted(path)}")
    words = ["./trimaran pulumi config set"]
    if is_secret:
        words.append("--secret")
    elif len(path) > 1:
        words.append("--path")
    return " ".join([*words, key, example or info.examples[0], "--stack", stack])


def _dotted(path: tuple[str, ...]) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path).removeprefix(".")


def _seen(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)


def _fields_of(owner: type) -> dict[str, FieldInfo]:
    """The fields of a dataclass by the keys that a person writes."""
    found = cast("Any", owner).__pydantic_fields__.items()
    return {info.alias or name: info for name, info in found}


def _field_at(kind: type[StackConfig], path: tuple[str, ...]) -> tuple[type, FieldInfo]:
    """The dataclass and the field that a location in the config points at, as deep as it goes."""
    owner: type = kind
    info = FieldInfo()
    for part in path:
        if part.isdigit():
            continue
        known = _fields_of(owner)
        if part not in known:
            break
        info = known[part]
        inner = _section_in(info)
        if inner is None:
            break
        owner = inner
    return owner, info


def _section_in(info: FieldInfo) -> type | None:
    """The dataclass that a field holds, also where it is optional or in a list."""
    for each in _alternatives(info.annotation):
        for option in (each, *get_args(each)):
            if _is_section(option):
                return cast("type", option)
    return None
