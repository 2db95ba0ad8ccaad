"""The text of a proxy's nginx.conf: written from settings, and read back into them.

The settings stand as JSON in the first line of the file, so that the file in use is the only record of a split.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

GENERATION_PATH = "/__proxy/generation"

_HEADER = "# trimaran "
_WHOLE = 10_000  # nginx takes percentages with two decimals

# What nginx answers by itself, in OpenAI's shape: (status, type, code, message).
# 494 is its name for headers that are too large; callers see 400.
_OWN_ANSWERS = (
    (400, "invalid_request_error", "bad_request", "The request is not valid HTTP."),
    (494, "invalid_request_error", "bad_request", "The headers of the request are too large."),
    (413, "invalid_request_error", "bad_request", "The request body is too large."),
    (414, "invalid_request_error", "bad_request", "The URL is too long."),
    (500, "server_error", "unreachable", "The proxy failed."),
    (502, "server_error", "unreachable", "The app behind the proxy cannot be reached."),
    (503, "server_error", "unreachable", "The app behind the proxy is not available."),
    (504, "server_error", "unreachable", "The app behind the proxy did not answer in time."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """What one configuration does; `upstreams` maps names to host:port, `test_upstream` is one of them or empty."""

    host: str
    port: int
    test_port: int
    upstreams: Mapping[str, str]
    weights: Mapping[str, int]
    test_upstream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the configuration says about the machine: who runs nginx, and how many files a worker may open."""

    user: str | None
    open_files: int


def shares(weights: Mapping[str, int]) -> dict[str, int]:
    """Divide 10,000 hundredths of a percent by weight; a side at 0 is absent, any other has at least one.

    The largest side takes what rounding leaves. Raises ValueError when no side has a weight.
    """
    total = sum(weights.values())
    if total <= 0:
        raise ValueError("no upstream has a weight above 0")
    parts = {name: max(1, _WHOLE * weight // total) for name, weight in weights.items() if weight > 0}
    largest = max(parts, key=lambda name: parts[name])
    parts[largest] += _WHOLE - sum(parts.values())
    return parts


def render(settings: ProxySettings, server: Server, *, directory: Path, generation: str) -> str:
    """Write the whole nginx.conf; `generation` names it and is what the test listener answers once it serves."""
    header = _HEADER + json.dumps({"generation": generation, **asdict(settings)})
    return f"""{header}
# Written by the Trimaran machine provider; edits are lost.
daemon off;
# As root the workers stay root: the folder may lie where no other user can look.
{f"user {server.user};" if server.user else "# (not root: the workers run as the same user)"}
worker_processes 2;
worker_rlimit_nofile {server.open_files};
# A stream that outlives a reload keeps its worker, but not longer than a stream may be silent.
worker_shutdown_timeout 3600s;
pid "{directory}/nginx.pid";
# Lines below this level would name each large body; query strings appear in them too.
error_log "{directory}/error.log" error;
events {{
    worker_connections 4096;
}}
http {{
    access_log off;  # the app logs every request, with more to say
    server_tokens off;
    types {{ }}
    default_type application/json;  # of nginx's own answers
{_temp_paths(directory)}
    # Longer than the idle limit of common client pools and load balancers, so that it is always the caller who
    # closes: a request never meets a connection that is being closed here.
    keepalive_timeout 620s;
    # Above the app's own 32 MiB, whose error says more.
    client_max_body_size 64m;
    client_body_buffer_size 1m;

    # Another protocol is asked of this server, not of the app: Java's client asks each server for h2c.
    map $http_upgrade $websocket {{
        default "";
        ~*^websocket$ websocket;
    }}
    map $websocket $connection_upgrade {{
        default "";
        websocket upgrade;
    }}
    # A conversation stays on its side while the split stands, so that a failure that comes back in it counts on one.
    # A request that is of none goes by nginx's own id: its caller can neither choose a side nor be stuck to one.
    map $http_x_session_id $conversation {{
        default $http_x_session_id;
        "" $request_id;
    }}
    split_clients "$conversation" $side {{
{_split(settings.weights)}
    }}
{_upstreams(settings.upstreams)}
{_proxying()}
    server {{
        listen {settings.host}:{settings.port};
{_own_answers()}
        location / {{
            proxy_pass http://$side;
        }}
    }}
    server {{
        listen 127.0.0.1:{settings.test_port};
{_own_answers()}
        location = {GENERATION_PATH} {{
            default_type text/plain;
            return 200 "{generation}";
        }}
        location / {{
            {_test_answer(settings.test_upstream)}
        }}
    }}
}}
"""


def parse(text: str) -> tuple[str, ProxySettings]:
    """Read (generation, settings) back from a rendered file; raises ValueError when it is none of ours."""
    first = text.partition("\n")[0]
    if not first.startswith(_HEADER):
        raise ValueError("not a configuration written by the machine provider")
    given = json.loads(first.removeprefix(_HEADER))
    return given.pop("generation"), ProxySettings(**given)


def _temp_paths(directory: Path) -> str:
    # All five are made at start, used or not; their defaults are system folders.
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "\n".join(f'    {kind}_temp_path "{directory}/tmp/{kind}";' for kind in kinds)


def _split(weights: Mapping[str, int]) -> str:
    # The first by name takes the rest: as green grows it takes conversations over, and gives none back to blue.
    (first, _), *others = sorted(shares(weights).items())
    lines = [f"        {part / 100:.2f}% {name};" for name, part in others]
    return "\n".join([*lines, f"        * {first};"])


def _upstreams(upstreams: Mapping[str, str]) -> str:
    # One server each: there is nowhere else to go, so nothing moves from green to blue. Idle connections are dropped
    # before a server's usual 5 s, so that a request never meets one that is being closed.
    return "\n".join(
        f"""    upstream {name} {{
        server {address} max_fails=0;
        keepalive 32;
        keepalive_timeout 4s;
    }}"""
        for name, address in upstreams.items()
    )


def _proxying() -> str:
    return """    # A request that may have been sent is not sent twice: `error` without `non_idempotent` repeats no POST.
    proxy_next_upstream error;
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    # The app owns the time-outs of a call.
    proxy_read_timeout 3600s;
    proxy_send_timeout 3600s;
    # Streams switch buffering off for themselves, by X-Accel-Buffering: no.
    proxy_buffering on;
    proxy_buffer_size 16k;
    proxy_buffers 8 16k;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $websocket;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Forwarded-For $remote_addr;  # this is the edge: what a caller claims here is not passed on
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Revision "";  # no caller chooses a revision
"""


def _own_answers() -> str:
    pages = "\n".join(f"        error_page {status} @own_{status};" for status, *_ in _OWN_ANSWERS)
    locations = "\n".join(
        f"        location @own_{status} {{ return {400 if status == 494 else status} '{_error(kind, code, message)}'; }}"
        for status, kind, code, message in _OWN_ANSWERS
    )
    return f"{pages}\n{locations}"


def _test_answer(test_upstream: str) -> str:
    if test_upstream:
        return f"proxy_pass http://{test_upstream};"
    return f"return 503 '{_error('server_error', 'unreachable', 'no candidate is deployed')}';"


def _error(kind: str, code: str, message: str) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
