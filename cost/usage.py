"""What a stack will be used for, from a YAML file: one expected month, and what differs in a low and a high one.

Without a file every amount that only usage decides stays open. A mistake is told with the file, the line and the nearest key.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from catalog.prices import Rate
from cost.amounts import DAYS_PER_MONTH, Amount, Case, State, depends
from plan.inputs import number_in

_Count = Annotated[Decimal | None, Field(ge=0)]
_Share = Annotated[Decimal | None, Field(ge=0, le=1)]
_Hours = Annotated[Decimal | None, Field(ge=0, le=24)]


class UsageError(ValueError):
    """A usage file that cannot be used; the text says where, why and what to do."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Frozen):
    """One month. What is not said stays open; a gigabyte is 10^9 bytes; amounts are for the whole stack."""

    requests_per_day: _Count = None
    tokens_in: _Count = None
    tokens_out: _Count = None
    fallback_share: _Share = None
    text_units_per_request: _Count = None

    replicas: _Count = None
    busy_hours_per_day: _Hours = None
    wakes_per_day: _Count = None
    wake_s: _Count = None
    idle_timeout_s: _Count = None
    api_replicas: _Count = None
    tokens_per_second: _Count = None

    log_gb: _Count = None
    log_kb_per_request: _Count = None
    response_kb: _Count = None
    seconds_per_request: _Count = None
    alb_lcus: _Count = None
    custom_metrics: _Count = None
    image_gb: _Count = None
    bucket_gb: _Count = None
    bucket_reads: _Count = None
    bucket_writes: _Count = None
    nat_gb: _Count = None
    endpoint_gb: _Count = None
    internet_gb: _Count = None
    between_zones_gb: _Count = None
    kms_requests: _Count = None
    dns_queries: _Count = None
    secret_requests: _Count = None
    notifications: _Count = None
    backup_gb: _Count = None
    function_calls: _Count = None
    function_seconds: _Count = None


class Fallback(_Frozen):
    """The managed model that answers when the stack's own does not, by the names that genai-prices knows."""

    provider: str
    model: str


class OwnPrice(_Frozen):
    """A price of your own: a negotiated rate, or one that the catalogue does not have."""

    usd: Decimal = Field(ge=0)
    unit: str
    checked: str
    source: str


class Usage(_Frozen):
    """A usage file. `low` and `high` say only what differs from `expected`; `resources` what one resource alone does."""

    version: Literal[1] = 1
    expected: Profile | None = None
    low: Profile | None = None
    high: Profile | None = None
    model: str = ""
    fallback: Fallback | None = None
    resources: dict[str, Profile] = {}
    prices: dict[str, dict[str, OwnPrice]] = {}
    _keys: Collection[str] = PrivateAttr(default_factory=lambda: Profile.model_fields)

    def asked_for(self, keys: Collection[str]) -> Usage:
        """The same for somebody who has declared to ask for these keys: another one raises LookupError."""
        usage = self.model_copy()
        usage._keys = keys
        return usage

    def amount(self, key: str, resource: str = "", default: Decimal | None = None) -> Amount:
        """What is said of `key`, in each case; open where nothing is said and there is no default."""
        stated = {case: self._stated(key, case, resource) for case in Case}
        expected = stated[Case.EXPECTED] if stated[Case.EXPECTED] is not None else default
        if expected is None:
            return depends(key)
        low, high = (expected if stated[case] is None else stated[case] for case in (Case.LOW, Case.HIGH))
        return Amount(low=low, expected=expected, high=high)

    def says(self, key: str, resource: str = "") -> bool:
        """Whether the file speaks of `key` for an expected month."""
        return self._stated(key, Case.EXPECTED, resource) is not None

    def says_in(self, case: Case, keys: tuple[str, ...]) -> bool:
        """Whether the file speaks of any of `keys` for a low or a high month of its own."""
        profile = getattr(self, case)
        return any(self._of(profile, key) is not None for key in keys)

    def share(self, key: str, resource: str, peers: int, default: Decimal | None = None) -> Amount:
        """One resource's part of an amount that is said for the whole stack, divided evenly among its `peers`."""
        own = self.resources.get(resource)
        alone = self._of(own, key) is not None
        amount = self.amount(key, resource, default)
        return amount if alone or amount.state is not State.PRICED else amount / max(peers, 1)

    def per_month(self, key: str) -> Amount:
        """What is said for a day, for a month."""
        return self.amount(key) * DAYS_PER_MONTH

    def own_rate(self, sku: str, region: str) -> Rate | None:
        """A price of the user's own for a thing in a region, or everywhere."""
        regions = self.prices.get(sku) or {}
        price = regions.get(region) or regions.get("global")
        if price is None:
            return None
        return Rate(sku=sku, region=region, unit=price.unit, usd=price.usd, checked=price.checked, source=price.source)

    def with_stack_config(self, config: Mapping[str, str]) -> Usage:
        """The same, with the stack's own model, idle time-out and rates where the file does not say them."""
        model = str(_map(config, "trimaran:settings").get("model") or "")
        usage = self if self.model else self.model_copy(update={"model": model})
        usage = usage._with_rates(_map(config, "trimaran:rates"), model)
        idle_s = _map(config, "trimaran:scaling").get("idleTimeoutS")
        if idle_s is None or usage.expected is None or usage.expected.idle_timeout_s is not None:
            return usage
        expected = usage.expected.model_copy(update={"idle_timeout_s": Decimal(str(idle_s))})
        return usage.model_copy(update={"expected": expected})

    def _with_rates(self, rates: Mapping[str, Any], model: str) -> Usage:
        """The same, with the price of a model unit that config says: AWS tells it on request only. A file's own price wins."""
        unit_hour, sku = number_in(rates.get("unitHour")), f"aws:bedrock-provisioned:{model.replace(':', '-')}"
        if unit_hour is None or unit_hour <= 0 or sku in self.prices:
            return self
        price = OwnPrice(usd=unit_hour, unit="unit-hour", checked="config", source="trimaran:rates.unitHour")
        return self.model_copy(update={"prices": {**self.prices, sku: {"global": price}}})

    def _stated(self, key: str, case: Case, resource: str) -> Decimal | None:
        for profile in (self.resources.get(resource), getattr(self, case), self.expected):
            value = self._of(profile, key)
            if value is not None:
                return value
        return None

    def _of(self, profile: Profile | None, key: str) -> Decimal | None:
        """What one profile says of a key."""
        if key not in self._keys:
            raise LookupError(f"the usage key '{key}' is asked for, but `usage_keys` does not declare it")
        return getattr(profile, key) if profile else None


NO_USAGE = Usage()


def _map(config: Mapping[str, str], key: str) -> Mapping[str, Any]:
    """A value of the stack's config that is a map; empty where it is not there or is something else."""
    try:
        value = json.loads(config.get(key) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def parse(text: str, source: str) -> Usage:
    """The usage in ``text``; ``source`` is the name by which a mistake is reported. Raises UsageError."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{source}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    except RecursionError:
        raise UsageError(f"{source}: nested deeper than any usage file is") from None
    if not isinstance(values, dict) or "version" not in values:
        raise UsageError(f"{source}: a usage file is a mapping that starts with 'version: 1'")
    try:
        usage = Usage.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{source}:{_line(node, first['loc'])}: {_explain(first)}") from None
    for case, key, sentence in _out_of_order(usage):
        raise UsageError(f"{source}:{_line(node, (case, key))}: {sentence}")
    return usage


def _out_of_order(usage: Usage) -> Iterator[tuple[str, str, str]]:
    """Each case and key whose number is on the wrong side of another case's, with a sentence."""
    for key in Profile.model_fields:
        stated = [(case.value, getattr(getattr(usage, case), key, None)) for case in Case]
        given = [(case, number) for case, number in stated if number is not None]
        for (lower, least), (upper, most) in pairwise(given):
            if least > most:
                yield upper, key, f"'{key}' is {least} in '{lower}' and {most} in '{upper}', which must not be less"


class _Loader(yaml.SafeLoader):
    """Reads 0.1 and 2026-11-20 as they are written, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A map. Raises ConstructorError for a key that stands in it twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _number(_: yaml.Loader, node: yaml.ScalarNode) -> Decimal | str:
    """A number as it is written; `.inf` and the like stay texts, which the field that they are for refuses."""
    number = number_in(node.value)
    return str(node.value) if number is None else number


_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


def _explain(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _keys(error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        meant = f" Did you mean '{close[0]}'?" if close else ""
        return f"'{where}' is not a known key. Known: {', '.join(known)}.{meant}"
    if error["type"] == "missing":
        return f"'{where}' is missing"
    return f"'{where}' is {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys(parents: tuple[Any, ...]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "expected": Profile,
        "low": Profile,
        "high": Profile,
        "resources": Profile,
        "fallback": Fallback,
        "prices": OwnPrice,
    }
    return sorted((models[parents[0]] if parents else Usage).model_fields)


def _line(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line of the deepest node on ``path`` that the text has, counted from 1."""
    line = 1
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next((pair for pair in node.value if pair[0].value == str(part)), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
