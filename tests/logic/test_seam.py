"""The seam of a rescued answer: not one character lost or doubled, wherever the cut and however the text arrives."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.logic.restart import LOOKED_AT
from app.logic.seam import OVERLAP_MIN, Seam, StartedOver

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
    assert joined(Seam(seen, asked=True), [repeated]) == seen + " and sleeps"
    assert joined(Seam(seen), [repeated]) == seen + repeated


@given(
    st.text(alphabet="abcdefgh ", min_size=30, max_size=60), st.integers(OVERLAP_MIN, 30), st.lists(st.integers(0, 60))
)
def test_an_overlap_arrives_in_any_pieces(seen: str, length: int, cuts: list[int]) -> None:
    """However the repetition is split, it is taken out once."""
    seen = seen.strip() + "|"
    new = seen[-length:] + "XYZ"
    assert joined(Seam(seen, asked=True), pieces_of(new, cuts)) == seen + "XYZ"


SEEN = (
    "The tide comes in twice a day, because the Moon pulls at the water that is nearest to it, and the Earth turns below. "
    "Where the coast is flat the sea may come a mile inland within an hour; where it is steep nobody would notice but for "
    "the wet stones. Sailors have always kept tables of it, and"
)
REST = " so have those who gather mussels."


@given(st.lists(st.integers(0, 400)))
def test_an_exact_restart_is_skipped(cuts: list[int]) -> None:
    """The answer told again to the letter, however it arrives, and then its rest: the caller sees it once."""
    assert len(SEEN) > LOOKED_AT
    assert joined(Seam(SEEN, asked=True), pieces_of(SEEN + REST, cuts)) == SEEN + REST
    assert joined(Seam(SEEN[:50], asked=True), pieces_of(SEEN + REST, cuts)) == SEEN + REST


def test_a_repetition_from_the_middle_is_skipped() -> None:
    """A model may begin at the last sentence, or further back than what is looked at."""
    middle = SEEN.index("nearest")
    assert joined(Seam(SEEN, asked=True), [SEEN[middle:] + REST]) == SEEN + REST


@pytest.mark.parametrize(
    "again",
    [
        "The tide comes in two times each day because the Moon pulls at the water nearest to it." + REST,
        "Twice a day the tide comes in, because the Moon pulls at the water that is nearest to it; the Earth turns."
        + REST,
        SEEN[:250] + "otherwise than before, and so on.",
        SEEN[:250],
        "Sure! The tide comes in twice a day, because the Moon pulls at the water that is nearest to it." + REST,
    ],
    ids=["other words", "another order", "to the letter at first", "shorter", "with a greeting"],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_restart_in_other_words_is_told(again: str, size: int) -> None:
    """Not a word is left out by likeness: the attempt has failed."""
    pieces = [again[at : at + size] for at in range(0, len(again), size)]
    with pytest.raises(StartedOver):
        joined(Seam(SEEN, asked=True), pieces)
    assert joined(Seam(SEEN), pieces) == SEEN + again  # a model that takes up a prefill does not start over


@pytest.mark.parametrize(
    ("seen", "rest"),
    [
        ("- The capital of France is Paris.\n- The capital of Spain is Madrid.\n", "- The capital of Italy is Rome.\n"),
        ("The capital of France is", " Paris, and it has been since 987."),
        (
            "Row, row, row your boat, gently down the stream.\n",
            "Merrily, merrily, merrily, merrily, life is but a dream.",
        ),
        ("def add(a, b):\n    return a + b\n\n", "def sub(a, b):\n    return a - b\n"),
        ("The Moon pulls at the water. ", "The Sun does, too, though with less than half of the Moon's force."),
        ("1, 2, 3, ", "4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25."),
        ("海は広い。", "そして深い。波は高く、風は強い。"),
        ("", "Anything."),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_goes_on_is_no_restart(seen: str, rest: str, size: int) -> None:
    """The next item of a list, the next line, a proper name in mid-sentence: all of it is the answer."""
    pieces = [rest[at : at + size] for at in range(0, len(rest), size)]
    assert joined(Seam(seen, asked=True), pieces) == seen + rest
