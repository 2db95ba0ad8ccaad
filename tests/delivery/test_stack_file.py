"""A stack's config file: made once, read as the engine reads it, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.failure import ExitCode, Failure
from delivery.stack_file import StackFile
from stacks.config import ServiceConfig
from stacks.local.config import LocalConfig


def written(root: Path, text: str, stack: str = "local") -> StackFile:
    file = StackFile(root=root, stack=stack)
    file.path.write_text(text)
    return file


def test_the_example_becomes_the_file_once(root: Path) -> None:
    """The first `up` makes it; a later one keeps what the user wrote."""
    file = StackFile(root=root, stack="local")

    assert file.ensure()
    file.path.write_text("config: {}\n")
    assert not file.ensure()

    assert file.path.read_text() == "config: {}\n"
    assert sorted(path.name for path in file.path.parent.iterdir()) == [
        "Pulumi.local.example.yaml",
        "Pulumi.local.yaml",
    ]


def test_the_example_of_a_cloud_is_for_a_person_to_copy(root: Path) -> None:
    """It names accounts and images that are nobody's; one sentence and the line to paste."""
    file = StackFile(root=root, stack="aws-ecs-dev")
    file.example.write_text("config: {}\n")

    with pytest.raises(Failure, match="'aws-ecs-dev' has no config of its own yet, only an example") as raised:
        file.ensure()

    assert raised.value.exit_code == ExitCode.USAGE
    assert raised.value.hint.startswith(
        "cp stacks/environments/Pulumi.aws-ecs-dev.example.yaml stacks/environments/Pulumi.aws-ecs-dev.yaml"
    )
    assert not file.path.exists()


def test_a_plan_reads_a_copy_of_the_example_where_no_file_is(root: Path) -> None:
    """What is written into it is lost: the example stays as it is committed."""
    file = StackFile(root=root, stack="local")
    example = file.example.read_text()

    with file.to_read() as path:
        assert path.read_text() == example
        path.write_text("encryptionsalt: x\n")

    assert file.example.read_text() == example
    assert not file.path.exists()


def test_a_plan_reads_the_users_own_file_first(root: Path) -> None:
    """Also where the example is beside it."""
    with written(root, "config: {}\n").to_read() as path:
        assert path == StackFile(root=root, stack="local").path


def test_a_stack_of_another_kind_is_refused_with_those_that_fit(root: Path) -> None:
    """A foundation answers no requests."""
    with pytest.raises(
        Failure, match=r"target 'aws-foundation' cannot do that; targets that can: local, aws-ecs, aws-bedrock\."
    ):
        StackFile(root=root, stack="aws-foundation-dev").parse_as(ServiceConfig)


def test_without_an_example_there_is_no_file(root: Path) -> None:
    """A stack with nothing to copy runs on the defaults."""
    file = StackFile(root=root, stack="local-dev")

    assert not file.ensure()
    assert file.parse_as(LocalConfig).port == 8080


def test_values_arrive_as_the_engine_hands_them_to_the_program(root: Path) -> None:
    """Numbers, maps, lists, keys without a namespace, encrypted values."""
    file = written(
        root, "config:\n  port: 8081\n  trimaran:rollout: {marginPoints: 2}\n  trimaran:apiKeys: {secure: v1:abc}\n"
    )

    config = file.parse_as(LocalConfig)

    assert (config.port, config.rollout.margin_points) == (8081, 2)
    assert config.api_keys is not None
    assert file.has_secrets()


def test_what_is_wrong_ends_with_the_usage_exit_code(root: Path) -> None:
    """Bad config is 2, with the program's own words."""
    with pytest.raises(Failure, match=r"trimaran:port is 'eighty'") as raised:
        written(root, "config: {trimaran:port: eighty}").parse_as(LocalConfig)

    assert raised.value.exit_code == ExitCode.USAGE
    assert raised.value.hint.startswith("./trimaran pulumi config set trimaran:port 8080")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("config: [", "is not YAML, line 1: expected the node content"),
        ("a: b: c", "is not YAML, line 1: mapping values are not allowed here"),
        ("- a", "must be a map with a map `config`"),
        ("config: 3", "must be a map with a map `config`"),
        ("config:\n  trimaran:port: 1\n\tx: 2", "is not YAML, line 3"),
        ("config:\n  trimaran:port: 1\n  trimaran:port: 2\n", "is not YAML, line 3: a key stands twice in one map"),
    ],
)
def test_a_corrupt_file_is_one_sentence(root: Path, text: str, sentence: str) -> None:
    """With the file and the line."""
    with pytest.raises(Failure, match=r"stacks/environments/Pulumi.local.yaml") as raised:
        written(root, text).parse_as(LocalConfig)

    assert sentence in raised.value.sentence
    assert raised.value.exit_code == ExitCode.USAGE


def test_a_file_that_is_not_text_is_one_sentence(root: Path) -> None:
    """Bytes that are no UTF-8."""
    file = StackFile(root=root, stack="local")
    file.path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(Failure, match="is not YAML"):
        file.parse_as(LocalConfig)


@pytest.mark.parametrize("text", ["", "config:\n", "# nothing\n"])
def test_an_empty_file_is_the_defaults(root: Path, text: str) -> None:
    """A person may delete everything in it."""
    assert written(root, text).parse_as(LocalConfig).port == 8080


@pytest.mark.parametrize(
    ("stack", "text", "target"),
    [("local", "", "local"), ("aws-ecs-prod", "", "aws-ecs"), ("mine", "config: {trimaran:target: local}", "local")],
)
def test_the_target_is_the_files_or_the_names(root: Path, stack: str, text: str, target: str) -> None:
    """Which backend a stack needs is known before its config is checked."""
    assert written(root, text, stack).target() == target


def test_the_salt_of_a_lost_passphrase_is_dropped_alone(root: Path) -> None:
    """The rest of the file stays as it was."""
    file = written(root, "# mine\nconfig:\n  trimaran:port: 1\nencryptionsalt: v1:x\n")

    file.forget_salt()

    assert file.path.read_text() == "# mine\nconfig:\n  trimaran:port: 1\n"
    assert not file.has_salt()


def test_line_ends_of_windows_stay(root: Path) -> None:
    """A file that came through such a machine is not rewritten as a whole."""
    file = StackFile(root=root, stack="local")
    file.path.write_bytes(b"# mine\r\nconfig:\r\n  trimaran:port: 1\r\nencryptionsalt: v1:x\r\n")

    file.write({"port": "2"})
    file.forget_salt()

    assert file.path.read_bytes() == b"# mine\r\nconfig:\r\n  trimaran:port: '2'\r\n"


MINE = """\
# mine
config:
  # who
  trimaran:settings:
    model: a   # the model
    # pinned
    modelRevision: 0.1.2

  # where
  trimaran:port: "8080"
encryptionsalt: v1:x
"""


def test_a_written_key_changes_its_own_lines_only(root: Path) -> None:
    """Comments, order and salt stay; what is new comes behind the last entry of its map."""
    file = written(root, MINE)

    file.write(
        {"settings.model": "b", "settings.systemPrompt": "Be brief: é", "candidate": {"settings": {"model": "c"}}}
    )

    assert file.path.read_text() == MINE.replace("model: a   # the model", "model: b   # the model").replace(
        "0.1.2\n", "0.1.2\n    systemPrompt: 'Be brief: é'\n"
    ).replace('"8080"\n', '"8080"\n  trimaran:candidate:\n    settings:\n      model: c\n')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "config: {}\n",
        "config:\n",
        "config: {candidate: {settings: {model: x}}, trimaran:port: 1}\n",
        MINE,
        MINE[:-1],
    ],
)
def test_what_is_written_is_what_is_read(root: Path, text: str) -> None:
    """In a file of any shape."""
    file = written(root, text)
    before = file.parse_as(LocalConfig)

    file.write({"candidate": {"settings": {"systemPrompt": "a\nb: c"}}, "settings.model": "m"})

    config = file.parse_as(LocalConfig)
    assert config.settings is not None
    assert config.candidate is not None
    assert config.candidate.settings is not None
    assert config.candidate.settings.system_prompt == "a\nb: c"
    assert (config.settings.model, config.port) == ("m", before.port)


def test_a_candidate_that_is_adopted_is_the_stable_version(root: Path) -> None:
    """What it does not name stays; the revision of another model goes."""
    file = written(root, MINE)
    file.write({"settings.systemPrompt": "old", "candidate": {"settings": {"model": "b"}}})
    before = file.parse_as(LocalConfig)
    assert before.settings is not None
    assert before.candidate is not None
    assert before.candidate.settings is not None

    file.adopt_candidate()

    assert file.parse_as(LocalConfig).settings == before.settings.overlaid(before.candidate.settings)
    assert file.parse_as(LocalConfig).candidate is None
    assert file.path.read_text() == MINE.replace("model: a   # the model", "model: b   # the model").replace(
        "    # pinned\n    modelRevision: 0.1.2\n", "    # pinned\n    systemPrompt: old\n"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("trimaran:port: {secure: v1:abc}", "trimaran:port"),
        ("port: {secure: v1:abc}", "trimaran:port"),
        ("trimaran:settings: {model: {secure: v1:abc}}", r"trimaran:settings.model"),
        ("trimaran:rollout: {steps: [5, {secure: v1:abc}]}", r"trimaran:rollout.steps\[1\]"),
    ],
)
def test_an_encrypted_value_where_none_is_meant_is_refused_as_what_it_is(root: Path, text: str, place: str) -> None:
    """Not as a wrong text that nobody wrote; only the engine could open it."""
    with pytest.raises(
        Failure, match=f"{place} is encrypted, and only the engine can open it; .* apiKeys may be"
    ) as raised:
        written(root, f"config:\n  {text}\n").parse_as(LocalConfig)

    assert "v1:abc" not in str(raised.value)
    assert "encrypted=encrypted" not in str(raised.value)


def test_an_encrypted_value_of_others_is_theirs(root: Path) -> None:
    """What a provider reads is opened by the engine for it."""
    file = written(root, "config:\n  aws:secretKey: {secure: v1:abc}\n  trimaran:apiKeys: {secure: v1:abc}\n")

    assert file.parse_as(LocalConfig).port == 8080
