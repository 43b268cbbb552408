"""Readings of the store are shared by all pages that show them."""

import asyncio

import pytest
import redis

from app.console.live import Shared


class Reading:
    """Counts how often it was made."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.made = 0

    def __call__(self) -> object:
        self.made += 1
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_ten_pages_at_once_make_one_reading() -> None:
    async def ask() -> list[object]:
        shared = Shared()
        return await asyncio.gather(*(shared.of("key", reading) for _ in range(10)))

    reading = Reading("found")
    assert asyncio.run(ask()) == ["found"] * 10
    assert reading.made == 1


def test_what_was_changed_is_read_anew() -> None:
    async def ask() -> tuple[object, object]:
        shared = Shared()
        first = await shared.of("key", reading)
        shared.forget("key")
        return first, await shared.of("key", reading)

    reading = Reading("before", "after")
    assert asyncio.run(ask()) == ("before", "after")


def test_a_reading_that_failed_is_not_kept() -> None:
    async def ask() -> object:
        shared = Shared()
        with pytest.raises(redis.ConnectionError):
            await shared.of("key", reading)
        return await shared.of("key", reading)

    reading = Reading(redis.ConnectionError("away"), "back")
    assert asyncio.run(ask()) == "back"
