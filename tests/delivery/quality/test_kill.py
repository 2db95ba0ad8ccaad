"""`eval` as a process: kill -9 in the middle, and the same command goes on."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import yaml
from aiohttp import web

from tests.delivery.quality.server import Version, serving, suite

ROOT = Path(__file__).parents[3]
# The real command with its answers kept elsewhere than in this clone.
SCRIPT = """
import sys
from pathlib import Path
from delivery import cli
cli.ROOT = Path(sys.argv.pop(1))
cli.main()
"""


async def start(root: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, str(root), "eval", *arguments),
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def written(root: Path, count: int) -> str:
    path = root / "mine.yaml"
    path.write_text(yaml.safe_dump(suite(count).model_dump(mode="json", exclude_unset=True)))
    return str(path)


async def test_nothing_is_asked_twice_after_kill_9(tmp_path: Path) -> None:
    """Five of eight are answered, the other three hang when the process is killed: the next call asks these three."""
    stuck = asyncio.Event()
    killed = asyncio.Event()

    async def before(question: str) -> web.StreamResponse | None:
        if question in ("q5", "q6", "q7") and not killed.is_set():
            if len(version.asked) == 8:
                stuck.set()
            await killed.wait()
        return None

    version = Version(before=before)
    file = written(tmp_path, 8)
    async with serving(version):
        first = await start(tmp_path, version.url, "--suite", file, "--concurrency", "3")
        try:
            async with asyncio.timeout(120):
                await stuck.wait()
        finally:
            first.kill()
            await first.communicate()
        version.asked.clear()
        killed.set()
        second = await start(tmp_path, version.url, "--suite", file, "--json")
        out, said = await second.communicate()

    assert sorted(version.asked) == ["q5", "q6", "q7"]
    assert (second.returncode, json.loads(out)["passed"], json.loads(out)["kept"]) == (0, 8, 5)
    assert b"5 of 8 answers are from the last day" in said


async def test_the_command(tmp_path: Path) -> None:
    """A table on stdout, a page that loads nothing, and exit code 5 without a traceback where nobody listens."""
    version = Version(answer=lambda question: "<b>no</b>" if question == "q1" else question)
    async with serving(version):
        done = await start(tmp_path, version.url, "--suite", written(tmp_path, 3), "--html", "page.html")
        out, _ = await done.communicate()
    gone = await start(tmp_path, version.url, "--suite", written(tmp_path, 3))
    _, said = await gone.communicate()

    page = (tmp_path / "page.html").read_text()
    assert done.returncode == 0
    assert "passed 2 of 3 cases; share by weight 66.7%" in out.decode()
    assert "contains: q1" in out.decode()
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "<b>no</b>" not in page
    assert not any(word in page for word in ("<script", "<link", "src=", "@import", "url("))
    assert gone.returncode == 5
    assert said.decode().startswith(f"error: {version.url} cannot be reached: Connection refused.\nhint: ")


async def test_a_key_that_is_not_set_is_a_usage_error(tmp_path: Path) -> None:
    """Named by its variable."""
    done = await start(tmp_path, "127.0.0.1:1", "--suite", "smoke", "--key-env", "NO_SUCH_KEY")
    _, said = await done.communicate()

    assert done.returncode == 2
    assert b"the environment variable NO_SUCH_KEY" in said
