"""Azure's side on loopback: the endpoint that hands a container its identity's token, and Blob Storage behind a proxy of HTTPS.

The real clients reach `ACCOUNT.blob.core.windows.net` through HTTPS_PROXY, so that nothing in the app has to know of the test. Forms: "Get Blob"
and "Status and error codes" in Azure's documentation; the token's as Container Apps have it (checked 2026-12-01).
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import select
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT = "weightsofanengine"
HOST = f"{ACCOUNT}.blob.core.windows.net"
SECRET = "of-this-container"


@dataclass(kw_only=True)
class Azure:
    """``files``: what is stored, by `container/name`. ``ranges``: those that were asked for. ``tunnel``: a port that answers instead.

    ``is_open``: whether the identity may read.
    """

    certificate: Path
    key: Path
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    tunnel: int = 0
    is_open: bool = True
    port: int = 0

    def environment(self) -> Mapping[str, str]:
        """What a container with an identity finds, and the way here."""
        return {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self.port}/msi/token",
            "IDENTITY_HEADER": SECRET,
            "HTTPS_PROXY": f"http://127.0.0.1:{self.port}",
            "NO_PROXY": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(self.certificate),
        }


@contextmanager
def azure(folder: Path) -> Iterator[Azure]:
    """An empty account."""
    store = Azure(certificate=folder / "azure.crt", key=folder / "azure.key")
    _certify(store)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"store": store})) as server:
        store.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield store
        server.shutdown()
        thread.join()


def token() -> str:
    """One that says what Azure's say, signed by nobody."""
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        "iat": int(time.time()) - 60,
        "nbf": int(time.time()) - 60,
        "exp": int(time.time()) + 3600,
    }
    parts: tuple[Mapping[str, object], ...] = ({"alg": "RS256", "typ": "JWT"}, claims, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts)


def _certify(store: Azure) -> None:
    named = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "1", *named]
    subprocess.run([*words, "-keyout", store.key, "-out", store.certificate], check=True, capture_output=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Azure

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        if self.store.tunnel:
            _pump(self.connection, self.store.tunnel)
            self.close_connection = True
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.store.certificate, self.store.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False  # a proxy is asked in HTTP/1.0, where it would be the end

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/msi/token":
            self._identify(parse_qs(address.query))
        elif not self.store.is_open or self.headers["authorization"] != f"Bearer {self._issued()}":
            self._refuse(403, "AuthorizationPermissionMismatch")
        else:
            self._blob(unquote(address.path).removeprefix("/"))

    def _issued(self) -> str:
        return str(getattr(self.server, "issued", ""))

    def _identify(self, query: Mapping[str, list[str]]) -> None:
        if self.headers["x-identity-header"] != SECRET or query["resource"] != ["https://storage.azure.com"]:
            self._send(400, b"{}", {})
            return
        self.server.issued = token()  # type: ignore[attr-defined]
        said = {"access_token": self._issued(), "expires_on": str(int(time.time()) + 3600), "token_type": "Bearer"}
        self._send(200, json.dumps(said).encode(), {"content-type": "application/json"})

    def _blob(self, name: str) -> None:
        if not any(key.startswith(f"{name.partition('/')[0]}/") for key in self.store.files):
            self._refuse(404, "ContainerNotFound")
        elif name not in self.store.files:
            self._refuse(404, "BlobNotFound")
        else:
            content = self.store.files[name]
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["x-ms-range"])
            assert asked is not None
            self.store.ranges.append(asked[0])
            begin, end = int(asked[1]), min(int(asked[2]) + 1, len(content))
            told = {
                "content-range": f"bytes {begin}-{end - 1}/{len(content)}",
                "etag": '"1"',
                "x-ms-blob-type": "BlockBlob",
            }
            self._send(206, content[begin:end], told)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
        self._send(status, body, {"content-type": "application/xml", "x-ms-error-code": code})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


def _pump(caller: socket.socket, port: int) -> None:
    """Bytes both ways until one side has said all."""
    with socket.create_connection(("127.0.0.1", port)) as called:
        other = {caller: called, called: caller}
        while True:
            for side in select.select([caller, called], [], [])[0]:
                if not (said := side.recv(65536)):
                    return
                other[side].sendall(said)
