"""What the charts of the overview draw, and say in words."""

from app.console.overview.charts import SPANS, chart, points
from app.history import Rates, Sample

MINUTE = 60_000
NOW = 1_700_000_040_000  # 22:14 UTC


def samples(*minutes_ago: int, each: int = 60) -> list[Sample]:
    """Taken so many minutes ago; 60 a minute were accepted and delivered, or as many as told."""
    return [
        Sample(NOW - ago * MINUTE, accepted=(99 - ago) * each, delivered=(99 - ago) * each)
        for ago in minutes_ago
    ]


def test_a_minute_without_a_sample_is_a_gap_on_both_sides() -> None:
    one = Rates(1, 1, 0, 0, 0, 0)
    seen = points(samples(6, 5, 4, 2, 1, 0), NOW, SPANS["hour"])
    assert [point.rates for point in seen[-6:]] == [one, one, None, None, one, one]
    assert len(seen) == 60
    assert seen[-1].at == NOW


def test_the_minute_that_runs_is_no_gap_until_its_sample_is_late() -> None:
    on_time = points(samples(2, 1), NOW, SPANS["hour"])
    late = points(samples(3, 2), NOW + 30_000, SPANS["hour"])
    assert [on_time[-1].rates is None, late[-1].rates is None] == [False, True]


def test_a_day_is_drawn_by_ten_minutes() -> None:
    seen = points(samples(20, 10, 0), NOW, SPANS["day"])
    assert [point.rates is not None for point in seen[-3:]] == [False, True, True]
    assert len(seen) == 144


def test_words_tell_what_the_picture_shows() -> None:
    told = chart(samples(2, 1, 0, each=90), NOW, SPANS["hour"]).words
    assert told == (
        "Last hour, until 22:14 UTC: 180 delivered, at most 1.5/s at 22:13 UTC; 0 buried; "
        "58 min without samples"
    )
    slow = chart(samples(2, 1, 0, each=1), NOW, SPANS["hour"]).words
    assert slow.startswith(
        "Last hour, until 22:14 UTC: 2 delivered, at most 1 a minute at 22:13 UTC"
    )
    assert chart([], NOW, SPANS["day"]).words == (
        "Nothing is known of the last day: beat takes a sample each minute."
    )


def test_a_store_that_was_emptied_is_a_gap_and_no_fall() -> None:
    before, after = samples(1, each=60), samples(0, each=1)
    seen = chart([*before, *after], NOW, SPANS["hour"])
    assert [series["data"][-1] for series in seen.options["series"]] == [None, None, None]
