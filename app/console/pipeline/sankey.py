"""The flow of events as a picture: two sources, and what flows from them where. Pure SVG."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from app.console.pipeline.flow import Stage

WIDTH: Final = 640
LEFT: Final = 2
RIGHT: Final = 360
BAR: Final = 12
TALL: Final = 220
SLOT: Final = 24
GAP: Final = 10
MIDDLE: Final = (LEFT + RIGHT) // 2


@dataclass(frozen=True, slots=True)
class Ribbon:
    """What flows from one bar to another: where it begins and ends, and how thick it is."""

    begin: float
    end: float
    thick: float
    tone: str


def picture(stages: Sequence[Stage]) -> str:
    """An SVG in which every stage is a link; for those who do not see it the table tells all."""
    firsts, laters = sum(one.first for one in stages), sum(one.later for one in stages)
    scale = TALL / max(1, firsts + laters)
    tops = list(_tops(stages, scale))
    high = max([*(_bottom(top, one, scale) for top, one in zip(tops, stages, strict=True)), TALL])
    body = [
        *(_path(one) for one in _ribbons(stages, tops, scale)),
        _source("received", firsts, 0, scale),
        *([_source("had waited", laters, firsts * scale + GAP, scale)] if laters else []),
        *(_stage(one, top, scale) for one, top in zip(stages, tops, strict=True)),
    ]
    words = "What became of the events, as in the table beside"
    return (
        f'<svg class="relay-flow" viewBox="0 0 {WIDTH} {high + GAP:.0f}" role="img" '
        f'aria-label="{words}">{"".join(body)}</svg>'
    )


def _tops(stages: Sequence[Stage], scale: float) -> Iterator[float]:
    top = 0.0
    for one in stages:
        yield top
        top += max(SLOT, one.count * scale + GAP)


def _bottom(top: float, one: Stage, scale: float) -> float:
    return top + max(SLOT, one.count * scale)


def _ribbons(stages: Sequence[Stage], tops: Sequence[float], scale: float) -> Iterator[Ribbon]:
    first = 0.0
    later = sum(one.first for one in stages) * scale + GAP
    for one, top in zip(stages, tops, strict=True):
        if one.first:
            yield Ribbon(first, top, one.first * scale, one.tone)
        if one.later:
            yield Ribbon(later, top + one.first * scale, one.later * scale, one.tone)
        first, later = first + one.first * scale, later + one.later * scale


def _path(one: Ribbon) -> str:
    begin, end, x, to = one.begin, one.end, LEFT + BAR, RIGHT
    thick = max(1.0, one.thick)
    path = (
        f"M{x} {begin:.1f}C{MIDDLE} {begin:.1f} {MIDDLE} {end:.1f} {to} {end:.1f}"
        f"V{end + thick:.1f}C{MIDDLE} {end + thick:.1f} {MIDDLE} {begin + thick:.1f} "
        f"{x} {begin + thick:.1f}Z"
    )
    return f'<path class="{one.tone}" d="{path}"/>'


def _source(title: str, count: int, top: float, scale: float) -> str:
    tall = max(2.0, count * scale)
    middle = top + tall / 2 + 5
    return (
        f'<rect class="plain" x="{LEFT}" y="{top:.1f}" width="{BAR}" height="{tall:.1f}"/>'
        f'<text x="{LEFT + BAR + 8}" y="{max(14.0, middle):.1f}">{title} {count:,}</text>'
    )


def _stage(one: Stage, top: float, scale: float) -> str:
    tall = max(2.0, one.count * scale)
    return (
        f'<a href="{escape(one.address)}" tabindex="-1">'
        f'<rect class="{one.tone}" x="{RIGHT}" y="{top:.1f}" width="{BAR}" height="{tall:.1f}"/>'
        f'<text x="{RIGHT + BAR + 8}" y="{max(top + 14, top + tall / 2 + 5):.1f}">'
        f"{escape(one.title)} {one.count:,}</text></a>"
    )
