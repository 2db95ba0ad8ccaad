"""Tokens from Microsoft Entra ID: who the app is in Azure, by the way that its environment names, without a person.

The ways are azure-identity's own classes, one each and chosen here: its default chain would try one after the other, ask developers' tools
and browsers, and tell of all of them at once what went wrong (azure-identity 1.27, read 2026-12-01).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from app.inference.identity.identity import Around, Identity, Shown
from app.inference.identity.kept import Fetched, Kept, NotGiven, carried
from app.logic.excerpt import excerpt
from app.logic.routes import RoutesError
from app.secret_file import SecretFileError, secret_of

if TYPE_CHECKING:
    from azure.core.credentials import AccessTokenInfo

# Tokens hold for 60 to 90 minutes where nobody has set another time
# (learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes, read 2026-12-01).
EARLY_S = 300.0
_SECRET = "AZURE_CLIENT_SECRET"
# What of a refusal is told: RFC 6749's codes with msal's `interaction_required`, and Entra's number. Words of our own choice: whatever else an
# answer has may be the token.
_CODE = re.compile(
    r"\b(?:invalid_(?:request|client|grant|scope)|unauthorized_client|unsupported_grant_type|interaction_required"
    r"|temporarily_unavailable|server_error|access_denied)\b"
)
_NUMBER = re.compile(r"\bAADSTS\d{4,9}\b")
SCOPE = re.compile(r"(?:https|api)://[^\s?#]+/\.default")
# Its own five tries take over a minute; a request waits for 20 s at most, and the next one asks again.
_PATIENCE: Mapping[str, Any] = {"retry_total": 1, "retry_status": 1, "connection_timeout": 2, "read_timeout": 10}


class _Credential(Protocol):
    def get_token_info(self, *scopes: str) -> AccessTokenInfo: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """``said``: what messages call it. ``check``: what may be wrong. ``needs``: the variables that name it, all of them. ``make`` imports what
    it needs.
    """

    said: str
    check: str
    needs: tuple[str, ...]
    make: Callable[[Mapping[str, str]], _Credential]


def _federated(environment: Mapping[str, str]) -> _Credential:
    from azure.identity import WorkloadIdentityCredential

    return WorkloadIdentityCredential(
        tenant_id=environment["AZURE_TENANT_ID"],
        client_id=environment["AZURE_CLIENT_ID"],
        token_file_path=environment["AZURE_FEDERATED_TOKEN_FILE"],
        **_PATIENCE,
    )


def _with_secret(environment: Mapping[str, str]) -> _Credential:
    from azure.identity import ClientSecretCredential

    return ClientSecretCredential(
        tenant_id=environment["AZURE_TENANT_ID"],
        client_id=environment["AZURE_CLIENT_ID"],
        client_secret=secret_of(_SECRET, environment),
        **_PATIENCE,
    )


def _managed(environment: Mapping[str, str]) -> _Credential:
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=environment.get("AZURE_CLIENT_ID") or None, **_PATIENCE)


_WAYS = (
    Way(
        said="workload identity (AZURE_FEDERATED_TOKEN_FILE)",
        check="check AZURE_TENANT_ID, AZURE_CLIENT_ID, the file, and the federated credential of that client",
        needs=("AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"),
        make=_federated,
    ),
    Way(
        said="the service principal AZURE_CLIENT_ID",
        check=f"check AZURE_TENANT_ID, AZURE_CLIENT_ID, and whether {_SECRET} has ended",
        needs=(_SECRET, "AZURE_TENANT_ID", "AZURE_CLIENT_ID"),
        make=_with_secret,
    ),
    # What Container Apps, App Service (IDENTITY_ENDPOINT) and virtual machines have; AZURE_CLIENT_ID chooses one of several.
    Way(
        said="the managed identity",
        check="give this machine an identity, and name one of several by AZURE_CLIENT_ID",
        needs=(),
        make=_managed,
    ),
)


@dataclass(frozen=True, slots=True)
class EntraToken:
    token: Kept[str]

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        del url, headers, body
        token = await self.token.get()
        return Shown({"authorization": f"Bearer {token}"}, token, ended=lambda: self.token.refused(token))

    async def aclose(self) -> None:
        await self.token.aclose()


def token(name: str, *, scope: str, around: Around) -> Identity:
    """The machine's tokens for ``scope``, one for all backends that ask for it. Raises RoutesError."""
    if not SCOPE.fullmatch(scope):
        raise RoutesError(
            f"backend '{name}': auth.scope '{excerpt(scope)}' must be like https://host/.default or api://APP-ID/.default:"
            " an app gets tokens for all that it was granted"
        )
    place = ("entra", scope)
    if place not in around.identities:
        environment = around.environment
        kept = Kept(f"Entra ID's token for {scope}", lambda: _fetched(scope, environment), early_s=EARLY_S)
        around.identities[place] = EntraToken(kept)
    return around.identities[place]


def way(environment: Mapping[str, str]) -> Way:
    """The first whose variables are all set."""
    return next(way for way in _WAYS if all(_is_set(need, environment) for need in way.needs))


def _fetched(scope: str, environment: Mapping[str, str]) -> Fetched[str]:
    """A new token: each fetch has a credential of its own, since one keeps its tokens, also those that were taken back."""
    chosen = way(environment)
    # It logs what an endpoint said, whatever that quotes.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    logging.getLogger("msal").setLevel(logging.WARNING)
    try:
        from azure.core.exceptions import AzureError

        credential = chosen.make(environment)
    except ImportError:
        raise NotGiven(
            "the package azure-identity is missing: use the image's variant for Azure, or install the group app-azure"
        ) from None
    except SecretFileError as error:
        raise NotGiven(f"{chosen.said} cannot be used: {error}") from None
    except ValueError as error:
        raise NotGiven(f"{chosen.said} cannot be used ({type(error).__name__}): {chosen.check}") from None
    try:
        got = credential.get_token_info(scope)
    except (AzureError, ValueError, OSError) as error:
        raise NotGiven(f"{chosen.said} got none ({_told(error)}): {chosen.check}") from None
    finally:
        credential.close()
    return Fetched(carried(got.token), float(got.expires_on))


def _is_set(variable: str, environment: Mapping[str, str]) -> bool:
    in_file = variable == _SECRET and environment.get(f"{variable}_FILE")
    return bool(in_file or environment.get(variable))


def _told(error: Exception) -> str:
    """Of what went wrong the kind, the status and the codes. azure-identity's own words have a whole answer in them, token and all."""
    text, status = str(error), getattr(error, "status_code", None)
    codes = [found[0] for found in (_CODE.search(text), _NUMBER.search(text)) if found]
    return ", ".join((type(error).__name__, *([f"status {status}"] if isinstance(status, int) else []), *codes))
