"""Lengths of time as people write them."""

from datetime import timedelta

import pytest

from app.settings.durations import duration, spelled


@pytest.mark.parametrize(
    ("written", "length"),
    [
        (3, timedelta(seconds=3)),
        (0.25, timedelta(milliseconds=250)),
        ("90", timedelta(seconds=90)),
        ("500ms", timedelta(milliseconds=500)),
        (" 1.5 h ", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        (timedelta(hours=4), timedelta(hours=4)),
    ],
)
def test_a_length_is_a_number_of_seconds_or_a_text_with_a_unit(
    written: object, length: timedelta
) -> None:
    assert duration(written) == length


@pytest.mark.parametrize(
    "written", ["", "s", "5 weeks", "-1s", -1, True, None, "nan", "1h30m", []]
)
def test_anything_else_is_refused_with_examples(written: object) -> None:
    with pytest.raises(ValueError, match=r'^expected seconds, or text such as "500ms"'):
        duration(written)


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="below a million years"):
        duration("99999999999d")


@pytest.mark.parametrize("text", ["1ms", "90s", "15m", "4h", "7d", "0s"])
def test_a_length_is_spelled_as_it_is_read(text: str) -> None:
    assert spelled(duration(text)) == text
