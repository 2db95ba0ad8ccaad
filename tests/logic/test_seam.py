"""The seam of a rescued answer: not one character lost or doubled, wherever the cut and however the text arrives."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.seam import OVERLAP_MIN, Seam

TEXT = st.text(alphabet="ab \n", max_size=40)


def joined(seam: Seam, pieces: list[str]) -> str:
    return seam.seen + "".join(seam.feed(piece) for piece in pieces) + seam.finish()


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    at = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    return [text[start:end] for start, end in itertools.pairwise(at)]


@given(TEXT, st.integers(0, 40), st.lists(st.integers(0, 40)))
def test_a_faithful_continuation_gives_the_whole_text(text: str, cut: int, cuts: list[int]) -> None:
    """The new backend goes on from the prefill, exactly: the caller sees the text as if it had never been cut."""
    seam = Seam(text[:cut])
    rest = text[len(seam.prefill) :]
    if not rest.startswith(text[len(seam.prefill) : cut]):
        return
    assert joined(seam, pieces_of(rest, cuts)) == text


@given(TEXT, st.text(alphabet="ab", min_size=1, max_size=9), st.lists(st.integers(0, 9)))
def test_new_words_are_never_eaten(seen: str, new: str, cuts: list[int]) -> None:
    """Text that begins with a letter is passed on whole, even where it repeats what was there: 'ha' may be followed by 'ha'."""
    assert joined(Seam(seen), pieces_of(new, cuts)) == seen + new


@pytest.mark.parametrize(
    ("seen", "pieces", "whole"),
    [
        ("one ", [" two"], "one two"),
        ("one", [" two"], "one two"),
        ("one ", ["two"], "one two"),
        ("one\n\n", ["\n", "\n- two"], "one\n\n- two"),
        ("one\n", ["\n\ntwo"], "one\n\ntwo"),
        ("one ", ["\ntwo"], "one \ntwo"),
        ("one ", [" "], "one "),
        ("", ["one"], "one"),
    ],
)
def test_white_space_at_the_seam_is_seen_once(seen: str, pieces: list[str], whole: str) -> None:
    """The prefill lost its trailing white space, so the new text may bring it again."""
    assert joined(Seam(seen), pieces) == whole


@pytest.mark.parametrize(
    ("seen", "pieces", "whole"),
    [
        ("a STO", ["P b"], "a STO"),
        ("a ", ["b STOP c"], "a b "),
        ("a ST", ["O", "P c"], "a STO"),
        ("a ", ["b"], "a b"),
    ],
)
def test_a_stop_string_is_found_across_the_seam(seen: str, pieces: list[str], whole: str) -> None:
    """No backend sees the whole of it, so the seam looks; what comes behind is not shown."""
    seam = Seam(seen, stop=["STOP"])
    assert joined(seam, pieces) == whole


def test_a_long_repetition_is_taken_out_only_when_asked() -> None:
    """A backend that was asked to go on from a text may begin by repeating its end."""
    seen = "The quick brown fox jumps over the lazy dog"
    repeated = "fox jumps over the lazy dog and sleeps"
    assert joined(Seam(seen, overlap=True), [repeated]) == seen + " and sleeps"
    assert joined(Seam(seen), [repeated]) == seen + repeated


@given(
    st.text(alphabet="abcdefgh ", min_size=30, max_size=60), st.integers(OVERLAP_MIN, 30), st.lists(st.integers(0, 60))
)
def test_an_overlap_arrives_in_any_pieces(seen: str, length: int, cuts: list[int]) -> None:
    """However the repetition is split, it is taken out once."""
    seen = seen.strip() + "|"
    new = seen[-length:] + "XYZ"
    assert joined(Seam(seen, overlap=True), pieces_of(new, cuts)) == seen + "XYZ"
