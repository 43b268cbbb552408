"""The charts of destinations: read seldom, once for all who look, and drawn anew when changed."""

import asyncio
import time
from collections.abc import Sequence

import redis
from nicegui import ui

from app.clock import milliseconds
from app.console.overview.charts import Chart, Span, chart
from app.history import samples


class Past:
    """What the open pages of a process show of what was."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store
        self._read: dict[tuple[str, str], tuple[float, Chart]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def charts(self, destinations: Sequence[str], span: Span) -> dict[str, Chart]:
        """Read now unless it was lately; without those that the store does not tell now."""
        async with self._one_at_a_time:
            now = time.monotonic()
            due = [one for one in destinations if self._due(one, span) <= now]
            if due:
                until = now + span.again.total_seconds()
                found = await asyncio.to_thread(self._fresh, due, span)
                self._read |= {(one, span.name): (until, told) for one, told in found.items()}
        kept = {one: self._read.get((one, span.name)) for one in destinations}
        return {one: pair[1] for one, pair in kept.items() if pair is not None}

    def _due(self, destination: str, span: Span) -> float:
        return self._read.get((destination, span.name), (0.0, None))[0]

    def _fresh(self, destinations: Sequence[str], span: Span) -> dict[str, Chart]:
        newest = span.length + 1
        try:
            return {
                one: chart(samples(self._store, one, newest), milliseconds(), span)
                for one in destinations
            }
        except redis.RedisError:
            return {}


class Picture:
    """A chart on a page, with the words that tell the same."""

    def __init__(self, drawn: Chart) -> None:
        self._drawn = drawn
        self._chart = ui.echart(dict(drawn.options)).classes("relay-chart")
        self._chart.props("aria-hidden=true")
        self._words = ui.label(drawn.words).classes("relay-note")

    def show(self, drawn: Chart) -> None:
        if drawn.options != self._drawn.options:
            self._drawn = drawn
            self._chart.options.update(drawn.options)
            self._chart.update()
        self._words.set_text(drawn.words)
