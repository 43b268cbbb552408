"""Metrics: one page for the whole fleet, read from the store."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import redis
import requests
import uvicorn
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.console.access import Guard
from app.console.api import metrics
from app.console.desk import Desk
from app.console.session import Door
from app.console.watch import Watch
from app.dead_letters import DeadLetters, Filter
from app.destinations.kable import KableAccount
from app.destinations.kana import KanaAccount
from app.figures import Work
from app.keys import SourceKeys, destination_key
from app.log import Log
from app.metrics import exposition
from app.moves import Leased, Reading, Settlement, Verb
from app.operating import Discards
from app.outcome import Delivered, Unavailable
from app.presence import Worker, announce, announce_tick
from app.readiness import connect_once
from app.replays import Replays
from app.settings import OperatorSettings, Settings, SourceSettings
from app.throttle import Throttle
from tests.burying import admission, bury, bury_logged
from tests.processes import free_port, wait_until
from tests.told import Clock

KABLE = KableAccount(
    id="kable", kind="kable", api_key=SecretStr("sk_test.x"), kable_client_id="kci_x", rate=50
)
KANA = KanaAccount(
    id="kana",
    kind="kana",
    api_key=SecretStr("prv_x"),
    queue="shared",
    unmapped_age_max=timedelta(days=90),
)


def settings(url: str) -> Settings:
    web = SourceSettings(id="web", write_key=SecretStr("key"), destinations=("kable", "kana"))
    ann = OperatorSettings(id="ann", token=SecretStr("secret"))
    return Settings(
        store_url=SecretStr(url),
        sources={"web": web},
        destinations={"kable": KABLE, "kana": KANA},
        operators={"ann": ann},
    )


Found = dict[str, dict[tuple[str, ...], float]]


class Page:
    """The page as Prometheus reads it: names, then the values of labels in the order of names."""

    def __init__(self, text: bytes) -> None:
        self.text = text.decode()
        self.found: Found = {}
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                series = self.found.setdefault(sample.name, {})
                assert labels not in series
                series[labels] = sample.value

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        return self.found.get(name, {})

    def of(self, name: str, destination: str = "kable") -> float | None:
        """The number of a destination."""
        return self[name].get((destination,))

    def by(self, name: str, destination: str = "kable") -> dict[str, float]:
        """The numbers of a destination by the other label."""
        return {
            next(label for label in labels if label != destination): number
            for labels, number in self[name].items()
            if destination in labels
        }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(store: redis.Redis, clock: Clock) -> Log:
    return Log(store, KABLE, clock)


class Scrape:
    """Reads the page at the moment that a clock tells."""

    def __init__(self, store: redis.Redis, url: str, clock: Clock) -> None:
        self._store, self._settings, self._clock = store, settings(url), clock

    def __call__(self) -> Page:
        return Page(exposition(self._store, self._settings, self._clock()))


@pytest.fixture
def scrape(store: redis.Redis, store_url: str, clock: Clock) -> Scrape:
    return Scrape(store, store_url, clock)


def settle(log: Log, *verbs: Verb) -> None:
    """Settle the oldest of the log with these verbs."""
    leased = log.lease("pump", log.layout.partitions)
    assert isinstance(leased, Leased)
    heads = log.heads("pump", [Reading(at, "", 100, 0) for at in leased.partitions]).heads
    oldest = sorted(heads, key=lambda head: head.delivery.id)
    log.settle(
        "pump", 1, [Settlement(head, verb) for head, verb in zip(oldest, verbs, strict=False)]
    )
    log.release("pump")


def test_every_delivery_stands_in_one_place_of_the_page(log: Log, scrape: Scrape) -> None:
    log.append([admission(number) for number in range(10)])
    settle(log, "delivered", "delivered", "skipped", "filtered", "dry_run")
    page = scrape()
    assert page.of("relay_deliveries_accepted_total") == 10
    assert page.by("relay_deliveries_total") == {
        "delivered": 2,
        "skipped": 1,
        "filtered": 1,
        "before_cutover": 0,
        "dry_run": 1,
        "discarded": 0,
        "expired": 0,
    }
    assert page.of("relay_backlog_deliveries") == 5
    assert page.of("relay_unaccounted") == 0


def test_counters_do_not_fall_when_dead_letters_are_discarded(
    log: Log, scrape: Scrape, store: redis.Redis
) -> None:
    log.append([admission(number) for number in range(20)])
    bury_logged(log)
    before = scrape()
    assert before.by("relay_dead_letters") == {
        "rejected": 18,
        "exhausted": 1,
        "unconfirmed": 1,
        "untransformable": 0,
        "poison": 0,
    }
    letters = DeadLetters(store, KABLE)
    sum(letters.discard_all(Filter(reason="rejected"), letters.end()))
    after = scrape()
    assert after.by("relay_dead_letters")["rejected"] == 0
    assert after.by("relay_deliveries_buried_total")["rejected"] == 18
    assert after.by("relay_deliveries_total")["discarded"] == 18
    for name, series in before.found.items():
        if name.endswith("_total"):
            assert all(after[name][labels] >= number for labels, number in series.items())


def test_sources_tell_what_they_sent_by_code(scrape: Scrape, store: redis.Redis) -> None:
    counts = {"accepted": 7, "deduplicated": 3, "unrouted": 2, "refused:empty_batch": 1}
    store.hset(SourceKeys("web").counts, mapping=counts)
    page = scrape()
    assert page["relay_events_accepted_total"] == {("web",): 7}
    assert page["relay_events_repeated_total"] == {("web",): 3}
    assert page["relay_events_unrouted_total"] == {("web",): 2}
    assert page["relay_events_refused_total"] == {("empty_batch", "web"): 1}


def test_the_age_of_a_backlog_stands_beside_its_mark(
    log: Log, scrape: Scrape, clock: Clock
) -> None:
    assert scrape().of("relay_backlog_oldest_seconds") == 0
    log.append([admission(0)])
    clock.now = (log.census().oldest_ms or 0) + 90_000
    page = scrape()
    assert page.of("relay_backlog_oldest_seconds") == 90
    assert page.of("relay_backlog_age_mark_seconds") == 3_600
    assert page.of("relay_backlog_mark_deliveries") == 1_000_000


def buckets(page: Page, name: str, *labels: str) -> dict[str, float]:
    """The bounds of a histogram of a destination at which its count changes."""
    found = {
        next(iter(set(values) - {"kable", *labels})): number
        for values, number in page[f"{name}_bucket"].items()
        if {"kable", *labels} <= set(values)
    }
    counts = [0.0, *found.values()]
    return {le: n for (le, n), before in zip(found.items(), counts, strict=False) if n > before}


def test_from_acceptance_to_delivery_is_a_histogram(
    log: Log, scrape: Scrape, clock: Clock
) -> None:
    log.append([admission(number) for number in range(3)])
    clock.now = (log.census().oldest_ms or 0) + 7_000
    settle(log, "delivered", "delivered", "skipped")
    page = scrape()
    assert buckets(page, "relay_delivery_latency_seconds", "live") == {"10.0": 2}
    assert page["relay_delivery_latency_seconds_count"][("kable", "live")] == 2
    assert page["relay_delivery_latency_seconds_sum"][("kable", "live")] == pytest.approx(14, 0.1)
    assert page["relay_delivery_latency_seconds_count"][("kable", "bulk")] == 0


def test_what_pumps_do_adds_up(log: Log, scrape: Scrape) -> None:
    work = Work()
    work.request(Delivered(), 3, 40)
    work.request(Unavailable("Kable answered 503"), 2, 700)
    work.idle(0.5)
    log.append([admission(0)])
    log.lease("pump", log.layout.partitions)
    log.release("pump", (), work.added(2.0))
    page = scrape()
    assert page.by("relay_requests_finished_total") == {"delivered": 1, "down": 1}
    assert page.by("relay_attempts_finished_total") == {"delivered": 3, "down": 2}
    assert buckets(page, "relay_request_duration_seconds") == {"0.05": 1, "1.0": 2}
    assert page.of("relay_request_duration_seconds_sum") == 0.74
    assert page.of("relay_pumps_begun_total") == 1
    assert page.of("relay_wakes_requested_total") == 2
    assert page.of("relay_pump_seconds_total") == 2
    assert page.of("relay_pump_busy_seconds_total") == 1.5


def test_holds_and_pauses_are_counted(scrape: Scrape, store: redis.Redis, clock: Clock) -> None:
    throttle = Throttle(store, KABLE, clock)
    throttle.hold("Kable answered 503", None)
    clock.now += 1_001
    throttle.hold("Kable answered 503", None)
    throttle.pause("operator", "it fails")
    page = scrape()
    assert page.by("relay_destination_holds_total") == {"down": 2}
    assert page.of("relay_breaker_openings_total") == 1
    assert page.by("relay_destination_pauses_total") == {"operator": 1}


def test_a_replay_tells_how_far_it_is_and_whether_it_stands_still(
    log: Log, scrape: Scrape, store: redis.Redis, clock: Clock
) -> None:
    bury(log, 20)
    replays = Replays(store, KABLE, clock)
    replays.begin(Filter(reason="rejected"), 100, "ann")
    clock.now += 1_000
    replays.step()
    page = scrape()
    assert page.of("relay_replay_running") == 1
    assert page.of("relay_replay_standing") == 0
    assert page.by("relay_replay_letters") == {
        "total": 18,
        "moved": 18,
        "under_way": 18,
        "delivered": 0,
        "skipped": 0,
        "dead": 0,
        "unmapped": 0,
    }
    assert page.by("relay_replay_letters", "kana") == {}


def test_what_is_unmapped_tells_its_age_and_when_it_is_discarded(
    scrape: Scrape, store: redis.Redis, clock: Clock
) -> None:
    day_ago = (clock() - 86_400_000) * 1_000
    store.zadd(destination_key("kana", "unmapped:at"), {"0-1-0": day_ago, "0-2-0": day_ago + 1})
    store.hset(destination_key("kana", "unmapped"), mapping={"0-1-0": "", "0-2-0": ""})
    page = scrape()
    assert page.of("relay_unmapped_deliveries", "kana") == 2
    assert page.of("relay_unmapped_oldest_seconds", "kana") == 86_400
    assert page["relay_unmapped_age_max_seconds"] == {("kana",): 90 * 86_400}


def test_every_console_tells_the_same(log: Log, store_url: str, clock: Clock) -> None:
    log.append([admission(number) for number in range(20)])
    bury_logged(log)

    def page() -> list[str]:
        with redis.Redis.from_url(store_url) as store:
            text = exposition(store, settings(store_url), clock()).decode()
        return [line for line in text.splitlines() if "memory_used" not in line]

    assert page() == page()


def test_a_metric_is_a_sentence_a_type_and_its_series(log: Log, scrape: Scrape) -> None:
    log.append([admission(number) for number in range(3)])
    lines = [line for line in scrape().text.splitlines() if "relay_deliveries_accepted" in line]
    assert lines == [
        "# HELP relay_deliveries_accepted_total Deliveries that were appended for a destination; "
        "each part of an event is one.",
        "# TYPE relay_deliveries_accepted_total counter",
        'relay_deliveries_accepted_total{destination="kable"} 3.0',
        'relay_deliveries_accepted_total{destination="kana"} 0.0',
    ]


def states(page: Page, name: str) -> set[str]:
    return {state for state, number in page.by(name).items() if number}


def test_states_are_one_hot(scrape: Scrape, store: redis.Redis, clock: Clock) -> None:
    announce(store, Worker("w", 4), ["pump.kable"], clock())
    throttle = Throttle(store, KABLE, clock)
    assert states(scrape(), "relay_destination_state") == {"delivering"}
    assert states(scrape(), "relay_breaker_state") == {"closed"}
    throttle.hold("Kable answered 503", None)
    held = scrape()
    assert states(held, "relay_destination_state") == {"broken"}
    assert states(held, "relay_breaker_state") == {"open"}
    assert held.of("relay_destination_held_seconds") == 1
    clock.now += 1_001
    assert states(scrape(), "relay_breaker_state") == {"half_open"}
    throttle.pause("relay", "401")
    paused = scrape()
    assert states(paused, "relay_destination_state") == {"paused"}
    assert paused.by("relay_destination_paused") == {"operator": 0, "relay": 1}


def test_a_429_throttles_and_opens_no_breaker(
    scrape: Scrape, store: redis.Redis, clock: Clock
) -> None:
    announce(store, Worker("w", 4), ["pump.kable"], clock())
    Throttle(store, KABLE, clock).hold("Kable answered 429", None, "throttled")
    page = scrape()
    assert states(page, "relay_destination_state") == {"throttled"}
    assert states(page, "relay_breaker_state") == {"closed"}
    assert page["relay_rate_limit"] == {("kable",): 50}
    assert page["relay_rate_configured"] == {("kable",): 50}


def test_queues_workers_and_beat_show_when_they_are_gone(
    scrape: Scrape, store: redis.Redis, clock: Clock
) -> None:
    assert scrape()["relay_tick_age_seconds"] == {(): math.inf}
    announce(store, Worker("w", 3), ["pump.kable"], clock())
    announce_tick(store, clock())
    clock.now += 5_000
    page = scrape()
    assert page["relay_queue_served"] == {("pump.kable",): 1, ("pump.shared",): 0}
    assert (page["relay_workers"], page["relay_worker_processes"]) == ({(): 1}, {(): 3})
    assert page["relay_worker_processes_wanted"] == {(): 4}
    assert page["relay_tick_age_seconds"] == {(): 5}
    clock.now += 60_000
    assert scrape()["relay_queue_served"][("pump.kable",)] == 0
    assert scrape()["relay_workers"] == {(): 0}


def test_the_store_tells_its_memory_and_what_a_crash_would_lose(
    scrape: Scrape, store: redis.Redis
) -> None:
    page = scrape()
    assert page["relay_store_memory_used_bytes"][()] > 0
    assert page["relay_store_memory_max_bytes"] == {}
    assert page["relay_store_fsync"][("everysec",)] == 1
    assert page["relay_store_aof_enabled"] == {(): 1}
    assert page["relay_store_writable"] == {(): 1}
    assert page["relay_store_evicts"] == {(): 0}
    store.config_set("maxmemory", "1gb")
    try:
        limited = scrape()
    finally:
        store.config_set("maxmemory", "0")
    assert limited["relay_store_memory_max_bytes"] == {(): 1024**3}
    assert limited["relay_store_memory_mark_bytes"] == {(): 0.9 * 1024**3}


def test_a_destination_that_is_new_is_shown_and_not_created(
    scrape: Scrape, store: redis.Redis
) -> None:
    assert scrape().of("relay_backlog_deliveries", "kana") == 0
    assert store.keys() == []


def test_an_orphan_is_shown_while_it_holds_something(
    scrape: Scrape, store: redis.Redis, clock: Clock
) -> None:
    orphan = Log(store, KableAccount(**{**dict(KABLE), "id": "former"}), clock)
    assert orphan.layout
    assert scrape().of("relay_backlog_deliveries", "former") is None
    orphan.append([admission(0)])
    page = scrape()
    assert page.of("relay_backlog_deliveries", "former") == 1
    assert page.by("relay_destination_state", "former")["orphaned"] == 1


@pytest.mark.parametrize("hostile", ['a"b', "a\\b", "a\nb", 'x"} 1\nrelay_unaccounted{} 9', "é"])
def test_what_a_label_says_cannot_break_out_of_it(
    scrape: Scrape, store: redis.Redis, hostile: str
) -> None:
    store.hset(SourceKeys("web").counts, f"refused:{hostile}", 1)
    store.hset(destination_key("kable", "dead:reasons"), hostile, 2)
    page = scrape()
    assert (hostile, "web") in page["relay_events_refused_total"]
    assert page.by("relay_dead_letters")[hostile] == 2
    assert set(page["relay_unaccounted"]) == {("kable",), ("kana",)}


def test_the_cost_of_a_page_does_not_grow_with_what_lies_there(
    log: Log, scrape: Scrape, store: redis.Redis
) -> None:
    def calls() -> int:
        before = store.info("stats")["total_commands_processed"]
        scrape()
        return int(store.info("stats")["total_commands_processed"] - before)

    log.append([admission(number) for number in range(500)])
    few = calls()
    log.append([admission(number) for number in range(500, 3_000)])
    bury_logged(log)
    log.append([admission(number) for number in range(3_000, 4_000)])
    assert calls() <= few + 1


def evening() -> int:
    """11 p.m. (UTC) of tomorrow: entries of the log carry the store's own time."""
    at = datetime.now(UTC) + timedelta(days=1)
    return int(at.replace(hour=23, minute=0, second=0, microsecond=0).timestamp() * 1000)


def expected(page: Page, destination: str = "kable") -> set[tuple[str, str]]:
    """What is expected at each cut: (cut, state)."""
    series = page["relay_billing_cut_state"]
    return {
        (cut, word) for (cut, id_, word), number in series.items() if number and id_ == destination
    }


def test_a_backlog_that_would_miss_a_cut_is_told_from_one_of_which_nobody_knows(
    log: Log, store: redis.Redis, scrape: Scrape, clock: Clock
) -> None:
    clock.now = evening()
    announce(store, Worker("w", 4), ["pump.kable"], clock() + 1_000_000)
    assert expected(scrape()) == {("day", "in_time"), ("period", "in_time")}
    assert scrape().by("relay_billing_cut_seconds")["day"] == 7_200
    log.append([admission(number) for number in range(80)])
    assert expected(scrape()) == {("day", "unknown"), ("period", "unknown")}
    assert scrape().by("relay_billing_overrun_seconds") == {}
    settle(log, *(["delivered"] * 8))
    clock.now += 1_000_000
    page = scrape()
    assert page.of("relay_pace") == 0.008
    assert page.by("relay_billing_overrun_seconds")["day"] == 72 / 0.008 - 6_200
    assert ("day", "missed") in expected(page)


def test_a_paused_backlog_misses_every_cut(
    log: Log, store: redis.Redis, scrape: Scrape, clock: Clock
) -> None:
    clock.now = evening()
    announce(store, Worker("w", 4), ["pump.kable"], clock())
    log.append([admission(0)])
    Throttle(store, KABLE, clock).pause("operator", "they move")
    page = scrape()
    assert page.by("relay_billing_overrun_seconds") == {"day": math.inf, "period": math.inf}
    assert expected(page) == {("day", "missed"), ("period", "missed")}


@contextmanager
def serving(store: redis.Redis, chosen: Settings) -> Iterator[str]:
    """The console's metrics behind its guard; their address."""
    door = Door(chosen.operators)
    app = FastAPI()
    desk = Desk(store, chosen, door, Watch(store, chosen), Discards())
    app.include_router(metrics.router(desk))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(Guard(app, door), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}/metrics"
    server.should_exit = True
    thread.join()


BEARER = {"Authorization": "Bearer secret"}


def test_the_page_is_for_bearers_of_a_token(store: redis.Redis, store_url: str) -> None:
    with serving(store, settings(store_url)) as url:
        assert requests.get(url, timeout=5).status_code == 401
        other = {"Authorization": "Bearer other"}
        assert requests.get(url, headers=other, timeout=5).status_code == 401
        answer = requests.get(url, headers=BEARER, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'relay_build_info{version="' in answer.text


def test_without_the_store_there_is_no_page_rather_than_half_of_one() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with connect_once(nowhere) as away, serving(away, settings(nowhere)) as url:
        answer = requests.get(url, headers=BEARER, timeout=5)
    assert (answer.status_code, "relay_" in answer.text) == (503, False)
    assert "the store does not answer" in answer.text
