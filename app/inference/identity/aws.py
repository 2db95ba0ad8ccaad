"""Who the app is in AWS: the credentials that botocore finds where the app runs, and the signature of a request by them.

botocore only finds credentials and signs; what is signed goes out over the app's own connections. It is imported in a thread when the
first request needs it (0.25 s), since most installations have none of AWS.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.inference.identity.identity import Around, Identity, Shown
from app.inference.identity.kept import Fetched, Kept, NotGiven, carried
from app.logic.routes import RoutesError

# As early as botocore itself would, at the latest (credentials.py of 1.44.5, checked 2026-12-01).
EARLY_S = 600.0
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d+")  # as in botocore 1.44.5, data/partitions.json, checked 2026-12-01
_WHERE = (
    "give the machine a role (a task role, Pod Identity, an instance profile), or set AWS_PROFILE, "
    "or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)


@dataclass(frozen=True, slots=True)
class _Credentials:
    """botocore's frozen ones; ``token`` is of a session, and empty for a user's own."""

    frozen: Any = field(repr=False)
    token: str = field(repr=False)


class Signed:
    """Signs by AWS's Signature Version 4, for one service in one region. ``beside``: who shares ``credentials`` with it, itself included: the
    last that is closed closes them.
    """

    def __init__(self, service: str, region: str, credentials: Kept[_Credentials], beside: set[Signed]) -> None:
        self.credentials = credentials
        self.beside = beside
        beside.add(self)
        self._service = service
        self._region = region

    def __repr__(self) -> str:
        return f"Signed({self._service}, {self._region})"

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        """``url`` as it goes out, escapes and all. Raises Failure(MISCONFIGURED) where there are no credentials."""
        credentials = await self.credentials.get()
        return Shown(
            _sign(self._service, self._region, credentials, url, headers, body),
            _secret(credentials),
            ended=lambda: self.credentials.ended(credentials),
        )

    async def aclose(self) -> None:
        self.beside.discard(self)
        if not self.beside:
            await self.credentials.aclose()


def signed(name: str, *, service: str, region: str, around: Around) -> Identity:
    """The identity with which the backend ``name`` enters ``service``: one for all backends, and one set of credentials for all services.
    ``region``: empty for the machine's own. Raises RoutesError.
    """
    region = region_of(name, region, around)
    if importlib.util.find_spec("botocore") is None:
        raise RoutesError(
            f"backend '{name}': requests to AWS are signed by botocore, which is not installed: "
            "run the image's variant aws (./trimaran image build --variant aws), or install requirements/app-aws.txt"
        )
    key = ("aws_sigv4", service, region)
    if key not in around.identities:
        other = next((each for each in around.identities.values() if isinstance(each, Signed)), None)
        fetch = functools.partial(_fetch, around.environment)
        kept = other.credentials if other else Kept("AWS's credentials", fetch, early_s=EARLY_S)
        around.identities[key] = Signed(service, region, kept, other.beside if other else set())
    return around.identities[key]


def region_of(name: str, given: str, around: Around) -> str:
    """The region that the entry of the backend ``name`` gives, or else the environment. Raises RoutesError."""
    region = given or next(filter(None, (around.environment.get(variable) for variable in REGIONS)), "")
    if not region:
        raise RoutesError(
            f"backend '{name}': no region: set region in its entry, such as eu-central-1, or the variable {REGIONS[0]}"
        )
    if not _REGION.fullmatch(region):
        raise RoutesError(f"backend '{name}': region '{region}' is none of AWS's: write it like eu-central-1")
    return region


def _fetch(environment: Mapping[str, str]) -> Fetched[_Credentials]:
    """The credentials that botocore finds by its own order: variables, profiles, single sign-on, containers, the instance. Blocks."""
    from botocore.credentials import ContainerProvider, EnvProvider, create_credential_resolver
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    # It logs what it signs, the session's token in it, and of an answer that it cannot read all.
    logging.getLogger("botocore").setLevel(logging.CRITICAL)
    try:
        session = Session()
        resolver = create_credential_resolver(session)
        for provider in (EnvProvider(environ=environment), ContainerProvider(environ=environment)):
            resolver.insert_before(provider.METHOD, provider)
        found = resolver.load_credentials()
        frozen = found and found.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError, ValueError, RuntimeError) as error:
        # By its type alone: a message may quote what a metadata server or a file had in it.
        raise NotGiven(f"botocore could not get them ({type(error).__name__}): {_WHERE}") from None
    if not frozen or not (frozen.access_key and frozen.secret_key):
        raise NotGiven(f"none were found: {_WHERE}")
    for part in filter(None, frozen):
        carried(part)
    ends = getattr(found, "_expiry_time", None)  # botocore has no public name for it
    return Fetched(_Credentials(frozen, frozen.token or ""), ends.timestamp() if ends is not None else None)


def _secret(credentials: _Credentials) -> str:
    """What of the credentials a request carries: the session's token, or else the key's id."""
    return credentials.token or str(credentials.frozen.access_key)


def _sign(
    service: str, region: str, credentials: _Credentials, url: str, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """The headers that make ``headers`` a signed request."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("POST", url, dict(headers), body)
    SigV4Auth(credentials.frozen, service, region).add_auth(request)
    given = {name.lower() for name in headers}
    return {name: value for name, value in request.headers.items() if name.lower() not in given}
