"""What is reported of a line, what leaves of a report, and how often."""

import json
import logging

import pytest

from app.faults import described, named
from app.reports.lines import Line, reported
from app.reports.ration import OF_ALL, OF_EACH, Ration
from app.reports.scrubbed import scrubbed
from app.vocabulary import masked


class Seconds:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def line(level: int, message: object, *args: object) -> Line | None:
    return reported(logging.LogRecord("pump", level, "", 1, message, args, None))


def test_a_line_of_ours_is_reported_by_its_name_and_by_names_that_are_ours() -> None:
    fields = {"event": "destination.paused", "destination": "kable", "user": "ann", "cause": "Ann"}
    assert line(logging.ERROR, fields | {"why": "Kable answered 401, no ann"}) == Line(
        "destination.paused kable: Kable answered *, no *",
        ("destination.paused", "kable"),
        {"destination": "kable"},
    )


@pytest.mark.parametrize("event", ["delivery.buried", "pump.finished", "destination.held"])
def test_what_is_no_error_is_not_reported(event: str) -> None:
    assert line(logging.WARNING, {"event": event}) is None


@pytest.mark.parametrize("event", ["group.opened", "groups.flooded"])
def test_news_are(event: str) -> None:
    assert line(logging.WARNING, {"event": event}) == Line(event, (event,))


def test_of_a_librarys_error_the_words_of_its_code_are_reported() -> None:
    told = line(logging.ERROR, "Cannot read %s of ann", "bob")
    assert told is not None
    assert told.title == "pump.None: Cannot read * of *"


def test_a_librarys_error_that_is_no_template_is_reported_by_its_place() -> None:
    told = line(logging.ERROR, "Cannot read the key")
    assert told is not None
    assert told.title == "pump.None"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("client customer-17 is unknown", "client * is unknown"),
        ("Ann.Smith@x.com is taken", "* is taken"),
        ("look at api_key and kable_client_id", "look at api_key and kable_client_id"),
        ("plan Платина not found", "* not found"),
        ("delta 42 is too large", "delta * is too *"),
        ("x" * 5_000, "*"),
        ("", ""),
    ],
)
def test_of_a_message_the_words_of_programs_are_told(message: str, told: str) -> None:
    assert masked(message) == told


def test_of_a_report_only_what_is_known_leaves() -> None:
    given = {
        "event_id": "e",
        "message": "ann",
        "logger": "ann",
        "user": {"id": "ann"},
        "request": {"url": "ann"},
        "extra": {"a": "ann"},
        "tags": {"a": "ann"},
        "contexts": {"trace": {"data": "ann"}},
        "breadcrumbs": {"values": ["ann"]},
        "exception": {
            "values": [
                {
                    "type": "KeyError",
                    "value": "'ann'",
                    "mechanism": {"type": "celery", "handled": False, "data": "ann"},
                    "stacktrace": {
                        "frames": [{"module": "app.pump", "function": "run", "vars": {"a": "ann"}}]
                    },
                }
            ]
        },
    }
    kept = scrubbed(given, ours=False)
    assert "ann" not in json.dumps(kept)
    assert kept["fingerprint"] == ["KeyError", "app.pump", "run"]


def test_a_kind_leaves_three_times_and_then_once_in_ten_minutes() -> None:
    clock = Seconds()
    ration = Ration(clock)
    assert [ration.allows("one") for _ in range(5)] == [True] * OF_EACH + [False] * 2
    assert ration.allows("other")
    clock.now += 600
    assert [ration.allows("one") for _ in range(2)] == [True, False]


def test_all_kinds_together_are_bounded_too() -> None:
    clock = Seconds()
    ration = Ration(clock)
    assert sum(ration.allows(str(n)) for n in range(10_000)) == OF_ALL
    clock.now += 120
    assert sum(ration.allows(str(n)) for n in range(10_000)) == 2


def test_an_exception_is_told_by_types_and_places() -> None:
    with pytest.raises(LookupError) as raised:
        json_of('{"user": ann}')
    told = described(raised.value)
    assert told["type"] == "LookupError: no * of user : *"
    assert [place.split(":")[0] for place in told["at"]][-1] == __name__
    assert told["causes"][0].startswith("json.decoder.JSONDecodeError: ")
    assert "ann" not in str(told)


def json_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise LookupError(f"no json_7 of {text}") from error


def test_what_the_system_says_is_told() -> None:
    assert named(ConnectionRefusedError(111, "Connection refused")) == (
        "ConnectionRefusedError: Connection refused (111)"
    )
