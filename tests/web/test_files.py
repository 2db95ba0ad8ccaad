"""The page's files over HTTP: open to all, kept by browsers, and under a policy that allows nothing but themselves."""

from __future__ import annotations

import hashlib
import http.client
import re
from urllib.parse import urlsplit

import pytest

from tests.web.running import ROOT, App

WEB = ROOT / "app" / "web"
VENDOR = WEB / "vendor"
SCRIPTS = [*WEB.glob("*.js"), *VENDOR.glob("*.js")]
SERVED = [*SCRIPTS, *WEB.glob("*.css"), *WEB.glob("*.svg")]
FILES = ["/", *sorted(f"/web/{path.relative_to(WEB).as_posix()}" for path in SERVED)]


def fetch(app: App, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(app.url).netloc, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.parametrize("path", FILES)
def test_every_file_is_served_without_a_key(locked_app: App, path: str) -> None:
    """The page itself asks for the key, so it must load without one."""
    response = fetch(locked_app, path)

    assert response.status == 200
    assert response.headers["content-type"].split(";")[0] in (
        "text/html",
        "text/css",
        "text/javascript",
        "image/svg+xml",
    )


def test_what_the_page_calls_still_wants_the_key(locked_app: App) -> None:
    """Only the page's own files are open."""
    assert fetch(locked_app, "/v1/models").status == 401
    assert fetch(locked_app, "/v1/chat/completions", "POST").status == 401


def test_the_policy_allows_only_the_page_itself(scripted_app: App) -> None:
    """No inline script or style, no other host, no frame around it."""
    headers = fetch(scripted_app, "/").headers

    directives = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_an_unchanged_file_is_not_sent_again(scripted_app: App) -> None:
    """A browser asks with the tag it has; a proxy may have made it a weak one."""
    etag = fetch(scripted_app, "/web/main.js").headers["etag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        response = fetch(scripted_app, "/web/main.js", if_none_match=known)
        assert (response.status, response.headers["etag"]) == (304, etag)
    assert fetch(scripted_app, "/web/main.js", if_none_match='"other"').status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/web/nothing.js",
        "/web/",
        "/web/index.html",
        "/web/../main.py",
        "/web/%2e%2e%2fmain.py",
        "/web/a/b",
        "/web/vendor/LICENSE",
    ],
)
def test_nothing_else_is_served(scripted_app: App, path: str) -> None:
    """A path is looked up among the files that there were at start."""
    assert fetch(scripted_app, path).status == 404


def test_other_methods_are_refused(scripted_app: App) -> None:
    """HEAD is answered as GET is; the page takes nothing."""
    assert fetch(scripted_app, "/", "HEAD").status == 200
    assert fetch(scripted_app, "/", "POST").status == 405


def test_all_that_the_page_loads_is_there_from_the_start(scripted_app: App) -> None:
    """A module that the page's head does not announce is asked for only when another one has arrived."""
    head = fetch(scripted_app, "/").body.decode()  # type: ignore[attr-defined]

    for path in SCRIPTS:
        assert f'"web/{path.relative_to(WEB).as_posix()}"' in head


def test_the_files_name_no_other_host() -> None:
    """Beside the SVG name space, which is a name and no address that is fetched."""
    text = "".join(path.read_text() for path in WEB.iterdir() if path.is_file())

    assert set(re.findall(r"https?://[\w.-]+", text)) <= {"http://www.w3.org"}
    assert "innerHTML" not in text
    assert " style=" not in text


def test_the_library_is_as_it_was_published() -> None:
    """Its page says which version and which bytes; of hosts it names only its own home, and it writes no HTML."""
    note = (VENDOR / "README.md").read_text()
    text = (VENDOR / "markdown-it.js").read_text()

    assert hashlib.sha256(text.encode()).hexdigest() in note
    assert re.findall(r"https?://\w[\w./-]+", text) == ["https://github.com/markdown-it/markdown-it"]
    assert "innerHTML" not in text
    assert "eval(" not in text
