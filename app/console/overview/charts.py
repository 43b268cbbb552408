"""What a destination did a second, over the last hour or day, as a picture and in words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from app.history import DAY, HOUR, MINUTE_MS, Rates, Sample, by_minute, rates
from app.timestamps import instant

AXIS: Final = "#89948e"  # legible on light and on dark
SERIES: Final = (("accepted", "#7d93a8"), ("delivered", "#2f9a6f"), ("buried", "#d0483d"))
LESS_THAN_TEN: Final = 10
LATE_MS: Final = 2 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time that is shown, a point for so many `minutes`; looked at again after."""

    name: str
    length: int
    minutes: int
    again: timedelta


class Point(NamedTuple):
    """What happened until a moment (ms since the epoch); None for what nobody saw."""

    at: int
    rates: Rates | None


@dataclass(frozen=True, slots=True)
class Chart:
    """What ECharts draws, and what it shows in words for who cannot see it."""

    options: Mapping[str, Any]
    words: str


SPANS: Final = {
    "hour": Span("hour", HOUR, 1, timedelta(seconds=15)),
    "day": Span("day", DAY, 10, timedelta(seconds=60)),
}


def chart(found: Iterable[Sample], now: int, span: Span) -> Chart:
    """A minute without a sample is a gap: a line goes on behind it."""
    seen = points(found, now, span)
    times = [instant(point.at)[11:16] for point in seen]
    series = [
        _series(name, colour, [_value(point, name) for point in seen]) for name, colour in SERIES
    ]
    return Chart(_options(times, series), words(seen, span))


def points(found: Iterable[Sample], now: int, span: Span) -> list[Point]:
    """The rates between one sample and the next, of which each spans so many minutes.

    The minute that runs counts once it has its sample.
    """
    kept = list(found)
    until = kept[-1].at if kept and now - kept[-1].at < LATE_MS else now
    minutes = by_minute(kept, until, span.length + 1)
    last = until // MINUTE_MS - len(minutes) + 1
    ends = range(span.minutes, len(minutes), span.minutes)
    return [
        Point((last + end) * MINUTE_MS, _between(minutes[end - span.minutes], minutes[end]))
        for end in ends
    ]


def words(seen: Sequence[Point], span: Span) -> str:
    """The sums of what was seen, when most was delivered, and how much nobody saw."""
    known = [(point.at, point.rates) for point in seen if point.rates is not None]
    if not known:
        return f"Nothing is known of the last {span.name}: beat takes a sample each minute."
    seconds = span.minutes * 60
    delivered = sum(rates.delivered for _, rates in known) * seconds
    buried = sum(rates.buried for _, rates in known) * seconds
    at, peak = max(known, key=lambda one: one[1].delivered)
    until = instant(seen[-1].at)[11:16]
    told = f"Last {span.name}, until {until} UTC: {delivered:,.0f} delivered"
    if peak.delivered:
        told += f", at most {_pace(peak.delivered)} at {instant(at)[11:16]} UTC"
    told += f"; {buried:,.0f} buried"
    unseen = (len(seen) - len(known)) * span.minutes
    return f"{told}; {unseen:,} min without samples" if unseen else told


def _between(before: Sample | None, after: Sample | None) -> Rates | None:
    return None if before is None or after is None else rates(before, after)


def _value(point: Point, name: str) -> float | None:
    return None if point.rates is None else round(float(getattr(point.rates, name)), 2)


def _pace(rate: float) -> str:
    if rate < 1:
        return f"{rate * 60:,.0f} a minute"
    return f"{rate:,.1f}/s" if rate < LESS_THAN_TEN else f"{rate:,.0f}/s"


def _series(name: str, colour: str, values: Sequence[float | None]) -> dict[str, Any]:
    return {
        "name": name,
        "type": "line",
        "data": list(values),
        "connectNulls": False,
        "showSymbol": False,
        "lineStyle": {"width": 1.5, "color": colour},
        "itemStyle": {"color": colour},
        "areaStyle": {"opacity": 0.12} if name == "delivered" else None,
    }


def _options(times: Sequence[str], series: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    label = {"color": AXIS, "fontSize": 11}
    return {
        "animation": False,
        "grid": {"left": 40, "right": 8, "top": 26, "bottom": 20},
        "legend": {"top": 0, "left": 0, "itemHeight": 8, "icon": "roundRect", "textStyle": label},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "category",
            "data": list(times),
            "boundaryGap": False,
            "axisLabel": label,
            "axisLine": {"lineStyle": {"color": AXIS}},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 0.1,
            "splitNumber": 2,
            "axisLabel": label,
            "splitLine": {"lineStyle": {"color": AXIS, "opacity": 0.25}},
        },
        "series": list(series),
    }
