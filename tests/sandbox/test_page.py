"""The page that shows what arrives, and what it is made of."""

from html.parser import HTMLParser

import pytest
import requests

CREATE = "/api/v1/events/create"
EVENT = {"clientId": "c", "timestamp": "2022-01-09T09:32:01Z", "transactionId": "t-1"}


class Page(HTMLParser):
    """Counts what a page opens and closes, and keeps what its tags refer to."""

    VOID = frozenset({"meta", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def address(kable: requests.Session, port: int) -> str:
    """The sandbox with a Kable as new."""
    assert kable
    return f"http://127.0.0.1:{port}"


def events(address: str) -> list[dict[str, str]]:
    tables = live(address)["tables"]
    assert isinstance(tables, dict)
    return list(tables["events"])


def live(address: str) -> dict[str, object]:
    kable, _ = requests.get(f"{address}/_live", timeout=10).json()["partners"]
    return dict(kable)


def test_the_page_is_whole_and_refers_to_nothing_outside(address: str) -> None:
    answer = requests.get(address, timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page()
    page.feed(answer.text)
    assert (page.open, page.references) == ([], ["data:,"])


def test_the_page_never_writes_what_arrived_as_html(address: str) -> None:
    page = requests.get(address, timeout=10).text
    assert "textContent" in page
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page


def test_the_empty_page_says_what_to_do(address: str) -> None:
    assert "http://localhost:8000/v1/track" in requests.get(address, timeout=10).text
    assert live(address) == {
        "name": "kable",
        "totals": {"requests": 0, "events billed": 0, "duplicates": 0, "refused": 0},
        "misbehaviour": None,
        "tables": {"events": []},
        "requests": [],
    }


def test_totals_count_what_came(address: str, kable: requests.Session) -> None:
    kable.post(CREATE, json=[EVENT, EVENT])
    kable.post(CREATE, json={})
    counts = {"requests": 2, "events billed": 1, "duplicates": 1, "refused": 1}
    assert live(address)["totals"] == counts


def test_events_keep_their_numbers_on_the_way_to_the_page(
    address: str, kable: requests.Session
) -> None:
    start = '{"clientId":"c","timestamp":"2022-01-09T09:32:01+01:00"'
    kable.post(CREATE, data=f'[{start}}},{start},"transactionId":"t","data":{{"price":1.10}}}}]')
    shown = events(address)
    times = {event.pop("received")[-1] for event in shown}
    row = {"clientId": "c", "timestamp": "2022-01-09T09:32:01+01:00"}
    assert times == {"Z"}
    assert shown == [
        {**row, "transactionId": "t", "data": '{"price":1.10}'},
        {**row, "transactionId": None, "data": None},
    ]


def test_the_page_shows_fifty_events_and_twenty_requests_newest_first(
    address: str, kable: requests.Session
) -> None:
    for number in range(60):
        kable.post(CREATE, json={**EVENT, "transactionId": str(number)})
    shown = [each["transactionId"] for each in events(address)]
    assert shown == [str(number) for number in range(59, 9, -1)]
    requests_shown = live(address)["requests"]
    assert isinstance(requests_shown, list)
    assert len(requests_shown) == 20


def test_the_page_shows_the_misbehaviour_in_force(address: str, kable: requests.Session) -> None:
    kable.post("/_answers", json={"status": 503, "times": 5})
    kable.post(CREATE, json=EVENT)
    misbehaviour = live(address)["misbehaviour"]
    assert isinstance(misbehaviour, dict)
    assert (misbehaviour["asked"]["status"], misbehaviour["struck"]) == (503, 1)
