"""Programs from the system's packages: installed without starting their services, or else one line that says how."""

import signal
import time
from pathlib import Path

import pytest

from tests.tools.conftest import Clone

INSTALLABLE = 'can_install_packages() { return 0; }; policy_rc_d=$root/policy-rc.d; tools="nginx redis-server?";'


@pytest.fixture
def bare(faked: Clone) -> Clone:
    """A clone on a machine without nginx, whose apt-get records how the policy for services stands."""
    (faked.bin / "nginx").unlink()
    policy = faked.root / "policy-rc.d"
    # Found by the name alone: whether the machine that runs the tests has an nginx must not matter.
    faked.program(
        "apt-get", f'echo "$*" >>{faked.home}/apt-calls; "{policy}" >/dev/null 2>&1; echo $? >{faked.home}/policy'
    )
    setup = faked.root / "tools" / "setup_packages.sh"
    setup.write_text(setup.read_text().replace("/usr/sbin/$1", "/nowhere/$1"))
    return faked


def test_missing_tool_stops(bare: Clone) -> None:
    """Where packages cannot be installed, a tool that the command cannot do without is an error with a hint."""
    (bare.bin / "apt-get").unlink()

    result = bare.run("up")

    assert result.returncode == 1
    assert result.stderr.splitlines()[-2:] == [
        "error: nginx is not installed",
        "hint: install nginx with your package manager",
    ]


def test_missing_optional_tool_is_hinted_at(bare: Clone) -> None:
    """A tool that is nice to have is hinted at, and the command goes on."""
    (bare.bin / "apt-get").unlink()

    result = bare.run("pulumi", "version")

    assert result.returncode == 0
    assert "hint: nginx is not installed, so what needs it is left out: " in result.stderr


def test_installs_with_services_held_back(bare: Clone) -> None:
    """While apt-get runs, the policy refuses to start services; afterwards it is gone."""
    bare.program(
        "apt-get", f'"$root/policy-rc.d"; echo $? >{bare.home}/policy; cp {bare.bin}/redis-server {bare.bin}/nginx'
    )

    result = bare.shell(f"export root; {INSTALLABLE} provide_tools")

    assert result.returncode == 0, result.stderr
    assert (bare.home / "policy").read_text() == "101\n"
    assert not (bare.root / "policy-rc.d").exists()
    assert result.stderr.startswith("Installing nginx (apt-get) ...")


def test_a_policy_of_others_stays(bare: Clone) -> None:
    """A policy that was there before is neither replaced nor removed."""
    policy = bare.program("policy-rc.d", "exit 104", bare.root)

    bare.shell(f"{INSTALLABLE} provide_tools")

    assert (bare.home / "policy").read_text() == "104\n"
    assert policy.exists()


def test_a_policy_left_by_a_killed_run_goes(bare: Clone) -> None:
    """Our own policy that a killed run left behind is removed by the next one."""
    policy = bare.program(
        "policy-rc.d", "# Written by trimaran for the time of one apt-get install.\nexit 101", bare.root
    )

    bare.shell(f"{INSTALLABLE} provide_tools")

    assert not policy.exists()


def test_lists_are_fetched_only_when_needed(bare: Clone) -> None:
    """`apt-get update` runs after an install that failed, not before one."""
    bare.program("apt-get", f'echo "${{!#}}" >>{bare.home}/apt-calls; [[ $* == *update* ]] || exit 100')

    result = bare.shell(f"{INSTALLABLE} provide_tools")

    assert (bare.home / "apt-calls").read_text().split() == ["nginx", "update", "nginx"]
    assert "error: nginx is not installed" in result.stderr


def test_interrupt_restores_the_policy(bare: Clone) -> None:
    """Interrupted inside apt-get, the policy for services is put back."""
    marker = bare.home / "begun"
    bare.program("apt-get", f"touch {marker}; sleep 600")
    wrapper = bare.root / "trimaran"
    wrapper.write_text(wrapper.read_text().replace("set_up ", f"{INSTALLABLE}\nset_up "))
    process = bare.popen("up")
    _wait_for(marker)
    held = (bare.root / "policy-rc.d").exists()

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert held
    assert process.returncode == 130
    assert not (bare.root / "policy-rc.d").exists()


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
