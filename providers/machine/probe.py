"""One HTTP request to this machine, without proxies and without exceptions to catch."""

import http.client
import urllib.parse
from typing import NamedTuple


class Reply(NamedTuple):
    """What came back: a status of 0 and the reason why, or the status and the first 64 KiB of the body."""

    status: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    def __str__(self) -> str:
        return f"answered {self.status}" if self.status else self.text


def get(url: str, *, timeout_s: float = 2.0) -> Reply:
    """Ask an `http://` URL once, over a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        connection.request("GET", target, headers={"Connection": "close"})
        response = connection.getresponse()
        return Reply(response.status, response.read(65536).decode(errors="replace"))
    except ConnectionRefusedError:
        return Reply(0, "refused the connection")
    except TimeoutError:
        return Reply(0, f"gave no answer within {timeout_s:g} s")
    except (OSError, http.client.HTTPException) as error:
        return Reply(0, f"failed: {error or type(error).__name__}")
    finally:
        connection.close()
