"""A YAML file of a person's: what is asked for changes, and not a byte beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.yaml_text import NotYaml, edited, loaded

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "stacks/environments"

CROWDED = """\
%YAML 1.2
---
# first
config:
    trimaran:settings:   {model: "a",   systemPrompt: ''}   # both
    trimaran:apiKeys:
        secure: v1:abc/def+g==   # encrypted
    # a list
    trimaran:limits:
        regions:
        - us-east-1
        -   eu-west-1   # and this

        monthlyUsd: "900"
    trimaran:tags: &tags
        owner: me
    trimaran:other: *tags
    text: |
        # no remark

        two
    folded: one
        two
    trimaran:port: 0x1F   # odd

# the salt
encryptionsalt: v1:x
"""
P = "    trimaran:port: 0x1F   # odd\n"


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("config.trimaran:port", "8081", "0x1F   # odd", "'8081' # odd"),
        ("config.trimaran:port", None, P, ""),
        ("config.trimaran:apiKeys.secure", "v1:new", "v1:abc/def+g==", "v1:new        "),  # the remark keeps its column
        ("config.trimaran:apiKeys", None, CROWDED[CROWDED.index("    trimaran:apiKeys") : CROWDED.index("    # a list")], ""),
        ("config.trimaran:limits.monthlyUsd", "5", '"900"', '"5"'),
        ("config.trimaran:limits.gpuQuota", 4, '"900"\n', '"900"\n        gpuQuota: 4\n'),
        ("config.trimaran:limits.regions", ["a"], CROWDED[CROWDED.index("        - us") : CROWDED.index("\n        monthly")], "            - a\n"),
        ("config.trimaran:other.owner", "you", "other: *tags\n", "other:\n        owner: you\n"),
        ("config.candidate", {"settings": {"model": "b"}}, P, P + "    candidate:\n        settings:\n            model: b\n"),
        ("config.text", "three", "|\n        # no remark\n\n        two\n", "|-\n        three\n"),
        ("encryptionsalt", None, "encryptionsalt: v1:x\n", ""),
        ("new", "x", "v1:x\n", "v1:x\nnew: x\n"),
        ("config.missing.key", None, "", ""),
        ("config.trimaran:tags.owner", "me", "", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", ["as it is", "windows", "no last line end"])
def test_only_what_is_named_changes(path: str, value: Any, old: str, new: str, shape: str) -> None:
    """Remarks, empty lines, quotes, spaces, lists, anchors, encrypted values and the file's own indent stay."""
    before, after = CROWDED, CROWDED.replace(old, new, 1) if old else CROWDED
    if shape == "windows":
        before, after = before.replace("\n", "\r\n"), after.replace("\n", "\r\n")
    if shape == "no last line end":
        before, after = before[:-1], after[:-1]

    assert edited(before, tuple(path.split(".")), value) == after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "config:\n  a: x\n"),
        ("# nothing\n", "# nothing\nconfig:\n  a: x\n"),
        ("config:\n", "config:\n  a: x\n"),
        ("config: {}   # none\n", "config:      # none\n  a: x\n"),
        ("config: {b: 1}\n", "config: {b: 1, a: x}\n"),
        ("config: 3\n", "config:\n  a: x\n"),
        ("b: 1\n\n# end\n", "b: 1\nconfig:\n  a: x\n\n# end\n"),
    ],
)
def test_a_map_that_is_not_there_is_made(text: str, after: str) -> None:
    """Behind what is there, before the remarks at the end."""
    assert edited(text, ("config", "a"), "x") == after


LONG = "word " * 100 + "end"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a:   1\nb:   2\nc:   3\n", "a:   1\nb: x\nc:   3\n"),
        (f"a: {LONG}\nb: 1\n", f"a: {LONG}\nb: x\n"),
        ("a: [1,\n  2]\nb: 1\n", "a: [1,\n  2]\nb: x\n"),
    ],
)
def test_what_the_library_would_write_otherwise_stays(text: str, after: str) -> None:
    """Spaces, long lines, lists over several lines."""
    assert edited(text, ("b",), "x") == after


def test_a_long_text_is_one_line() -> None:
    """So that the next change of it is one, too."""
    assert edited("a: 1\n", ("a",), LONG) == f"a: {LONG}\n"


@pytest.mark.parametrize(
    "text",
    ["c:\n   # own\n  d: '1'\n# next\ng:\n- y\n", "b: null  # here\n\nc: 1\n", "a: |\n  # b\n\nc: null # c\nd: [1]"],
)
def test_odd_remarks_spoil_nothing(text: str) -> None:
    """Where a change line by line would say something else, more is written anew."""
    for value in (["l"], {"q": {"r": "s"}}, "x"):
        assert loaded(edited(text, ("c",), value)) == {**loaded(text), "c": value}
        assert loaded(edited(text, ("b", "d"), value)) == {**loaded(text), "b": {"d": value}}


def test_what_another_refers_to_stays_as_it_is() -> None:
    """An alias is the same map in two places; only one of them is to change."""
    text = "base: &b {model: a}\none: *b\ntwo:\n  <<: *b\n"

    assert loaded(edited(text, ("base", "model"), "x")) == {
        "base": {"model": "x"},
        "one": {"model": "a"},
        "two": {"model": "a"},
    }
    assert loaded(edited(text, ("two", "model"), "x")) == {
        "base": {"model": "a"},
        "one": {"model": "a"},
        "two": {"model": "x"},
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: {b: geheim, c: 1, b: 2}", ", line 1: a key stands twice in one map"),
        ("a: [", ", line 1: expected the node content, but found '<stream end>'"),
        ("a: *b", ", line 1: found undefined alias 'b'"),
        ("a: \x00", ": "),
    ],
)
def test_what_is_no_yaml_is_one_sentence(text: str, sentence: str) -> None:
    """With the line; without a value, which may be secret."""
    for act in (lambda: loaded(text), lambda: edited(text, ("a",), 1)):
        with pytest.raises(NotYaml) as raised:
            act()
        assert str(raised.value).startswith(sentence)
        assert "\n" not in str(raised.value)
        assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("path", sorted(ENVIRONMENTS.glob("*.yaml")), ids=lambda path: path.name)
def test_a_candidate_comes_and_goes_without_a_trace(path: Path) -> None:
    """In every file that ships."""
    text = path.read_text()
    key = ("config", "trimaran:candidate")

    with_candidate = edited(text, key, {"settings": {"systemPrompt": "a\nb: c # d"}})

    assert loaded(with_candidate)["config"]["trimaran:candidate"] == {"settings": {"systemPrompt": "a\nb: c # d"}}
    assert edited(with_candidate, key, None) == text


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=40)


@given(prompt=TEXTS, other=TEXTS)
def test_any_text_is_read_as_it_was_written(prompt: str, other: str) -> None:
    """Whatever a prompt holds, and whatever stands beside it."""
    text = edited("# mine\nconfig:\n  port: 1 # here\n", ("config", "other"), other)

    assert loaded(edited(text, ("config", "prompt"), prompt))["config"] == {"port": 1, "other": other, "prompt": prompt}
