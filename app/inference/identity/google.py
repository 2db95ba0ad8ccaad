"""Who the app is on Google Cloud, for routes whose backends ask for it: access tokens for Google's APIs, ID tokens for services behind Cloud Run.

google-auth finds the credential (application default credentials, google.aip.dev/auth/4110) and fetches the tokens; it is imported where a token
is first fetched, in that thread, because it costs start-up time and most apps never need it.
"""

from __future__ import annotations

import contextlib
import datetime
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from app.inference.identity.identity import Around, Identity, Shown
from app.inference.identity.kept import Fetched, Kept, NotGiven, carried
from app.logic.routes import RoutesError

# The one scope that Google's own clients of Vertex AI ask for (google-cloud-aiplatform 1.148 and google-genai 1.75, checked 2026-12-01).
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# The metadata server hands out the same token until five minutes before its end, google-auth renews 3:45 before it (google/auth/_helpers.py
# 2.62, REFRESH_THRESHOLD; checked 2026-12-01): earlier would bring the same one again.
EARLY_S = 225.0
# Of all that one fetch asks for: google-auth asks a silent metadata server up to five times for 3 s each, and a token endpoint for 120 s.
FETCH_S = 15.0
AUTHORIZATION = "authorization"
# Cloud Run takes an ID token here, too, and leaves `Authorization` to the app behind it ("Authenticating service-to-service" in Cloud Run's
# documentation, checked 2026-12-01).
SERVERLESS = "x-serverless-authorization"
# A person's credential (gcloud's) is of no project, and Google refuses it without this; google-genai 1.75 sends it where the credential names
# one, checked 2026-12-01.
QUOTA_PROJECT = "x-goog-user-project"

_CODE = re.compile(r"[a-z_]{1,40}")  # RFC 6749's error codes
_LACKS_PACKAGE = (
    "the package google-auth is not installed: use the image's variant gcp, or install requirements/app-gcp.txt"
)
_HELP = "run with a service account of Google Cloud, or set GOOGLE_APPLICATION_CREDENTIALS to a credential's file, or run: gcloud auth application-default login"


@dataclass(frozen=True, slots=True)
class Granted:
    """``project``: the one that the credential belongs to; ``quota_project``: the one that pays; empty where it does not say."""

    token: str = field(repr=False)
    project: str = ""
    quota_project: str = ""


@dataclass(frozen=True, slots=True)
class GoogleToken:
    """A bearer token, in ``header``."""

    kept: Kept[Granted]
    header: str

    async def show(self, url: str, headers: Mapping[str, str], body: bytes) -> Shown:
        del url, headers, body
        granted = await self.kept.get()
        payer = {QUOTA_PROJECT: granted.quota_project} if granted.quota_project else {}
        header = {self.header: f"Bearer {granted.token}"}
        return Shown({**header, **payer}, granted.token, ended=lambda: self.kept.refused(granted))

    async def project(self) -> str:
        """The credential's own project, empty where it has none. Raises Failure(MISCONFIGURED) where there is no credential."""
        return (await self.kept.get()).project

    async def aclose(self) -> None:
        await self.kept.aclose()


def access_token(name: str, around: Around) -> Identity:
    """For Google's APIs. All backends share it, so no message of it says ``name``."""
    del name
    return _shared(("google", "access_token"), around, _access, "Google's access token", AUTHORIZATION)


def id_token(name: str, *, audience: str, around: Around) -> Identity:
    """For a service that asks Google who calls: ``audience`` is its address. All backends of one audience share it. Raises RoutesError."""
    if not audience:
        raise RoutesError(
            f"backend '{name}': auth: {{kind: gcp_id_token}} needs audience: the service's address, such as https://app-abc123-ew.a.run.app"
        )
    whose = f"Google's ID token for {audience}"
    return _shared(("google", "id_token", audience), around, lambda: _identity(audience), whose, SERVERLESS)


def _shared(
    key: tuple[str, ...], around: Around, fetch: Callable[[], Fetched[Granted]], whose: str, header: str
) -> Identity:
    if key not in around.identities:
        around.identities[key] = GoogleToken(Kept(whose, fetch, early_s=EARLY_S), header)
    return around.identities[key]


def _access() -> Fetched[Granted]:
    """The credential is looked for each time: a file may have been renewed meanwhile."""
    with _asking() as asked:
        import google.auth

        credentials, project = google.auth.default(scopes=[SCOPE], request=asked)
        credentials.refresh(asked)
        return _fetched(credentials, project or "", getattr(credentials, "quota_project_id", None) or "")


def _identity(audience: str) -> Fetched[Granted]:
    with _asking() as asked:
        from google.oauth2 import id_token as untyped

        library: Any = untyped
        credentials = library.fetch_id_token_credentials(audience, request=asked)
        credentials.refresh(asked)
        return _fetched(credentials)


def _fetched(credentials: Any, project: str = "", quota_project: str = "") -> Fetched[Granted]:
    """google-auth's ends are in UTC, without saying so."""
    token, ends = carried(credentials.token), credentials.expiry
    ends_at = ends.replace(tzinfo=datetime.UTC).timestamp() if ends is not None else None
    return Fetched(Granted(token, project, quota_project), ends_at)


@contextlib.contextmanager
def _asking() -> Iterator[_Asked]:
    """google-auth's errors in our words. They quote what a server said, which may be a token: of that only a status and a code are told."""
    try:
        from google.auth import exceptions
        from google.auth.transport.requests import Request
        from requests.exceptions import Timeout
    except ImportError:
        raise NotGiven(_LACKS_PACKAGE) from None
    asked = _Asked(Request(), exceptions.TransportError, Timeout)
    try:
        yield asked
    except exceptions.GoogleAuthError as error:
        if type(error) is exceptions.DefaultCredentialsError:  # those derived from it quote what came
            raise NotGiven(f"no credential was found ({_first_line(error)}): {_HELP}") from None
        if isinstance(error, ValueError):
            raise NotGiven(f"{asked.last or 'the credential'}, which is not understood") from None
        code = _code(error)
        raise NotGiven(f"{asked.last or 'nothing was asked'}{code and f' ({code})'}{_advice(asked, code)}") from None
    except (ValueError, KeyError, TypeError):
        raise NotGiven(f"{asked.last or 'the credential'}, which is not understood") from None
    finally:
        asked.close()


class _Asked:
    """google-auth's transport with one limit of time for all that it asks. ``last``: what came of the last request.

    ``failed``: its error for a request without an answer; ``late``: the cause of that where time was up.
    """

    def __init__(self, request: Any, failed: type[Exception], late: type[Exception]) -> None:
        self._request = request
        self._failed = failed
        self._late = late
        self._until = time.monotonic() + FETCH_S
        self.last = ""
        self.status = 0

    def __call__(self, url: str, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        host = urlsplit(url).netloc
        left_s = self._until - time.monotonic()
        silent = f"{host} did not answer within {FETCH_S:g} s"
        self.status = 0
        if left_s <= 0:
            self.last = silent
            raise self._failed(self.last)
        try:
            response = self._request(url, *args, timeout=min(left_s, timeout or left_s), **kwargs)
        except self._failed as error:
            self.last = silent if isinstance(error.__cause__, self._late) else f"{host} could not be reached"
            raise
        self.status = response.status
        self.last = f"{host} answered {response.status}"
        return response

    def close(self) -> None:
        self._request.session.close()


def _first_line(error: Exception) -> str:
    """Of an error that is about the machine, not about what a server said: google-auth puts foreign words behind its first argument."""
    return str(error.args[0]).partition("\n")[0].partition(" See ")[0] if error.args else "nothing is known of it"


def _code(error: Exception) -> str:
    """OAuth's code of what is wrong."""
    said = error.args[1] if len(error.args) > 1 else None
    code = said.get("error") if isinstance(said, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _advice(asked: _Asked, code: str) -> str:
    if asked.status == 404:
        return ": this machine has no service account: give it one"
    if code in ("invalid_grant", "invalid_client"):
        return ": the credential's file is of an account or key that is gone: make a new one"
    return ""
