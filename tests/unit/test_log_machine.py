"""The log as a state machine: whatever happens, in whatever order, every accepted delivery is in
one place, nothing that is due is forgotten, and in the end everything moves."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import msgpack, structs

from app import dead_letters, delivery
from app.append import Admission
from app.clock import milliseconds
from app.dead_letters import Buried, DeadLetters, End, Filter
from app.delivery import Delivery
from app.destinations.kana import KANA, KanaAccount
from app.fates import LATER
from app.keys import destination_key
from app.ledger import days
from app.log import LEASE_MS, Log
from app.mapping import Rule, Rulebook
from app.moves import Head, Leased, Reading, Recorded, Settlement, Split, StaleLease
from app.replays import ReplayRunning, Replays
from app.settings import DestinationSettings
from app.unmapped import Remapping
from app.verdict import buried_unsent, parked, put_behind

EVENT = b'{"type":"track","userId":"u","event":"%s"}'
BRIEF = KanaAccount.model_validate(
    {"id": "kable", "api_key": "prv_test_1", "rate": 4, "unmapped_age_max": "1h"}
)
ACCOUNT = DestinationSettings(id="kable", kind="kable", partitions=2, pumps=2)
TOKENS = ("pump-1", "pump-2", "pump-3")
VERBS = st.sampled_from(
    [
        "delivered",
        "skipped",
        "filtered",
        "retry",
        "block",
        "bury",
        "park",
        "park, by old rules",
        "unmark",
        "hold",
    ]
)
BEGINNING = 1_700_000_000_000
LEDGER = (
    "accepted",
    "waiting",
    "retrying",
    "dead",
    "unmapped",
    "delivered",
    "skipped",
    "discarded",
)


class LogMachine(RuleBasedStateMachine):
    """Pumps that lease, read, settle, stall, die and come back late; scripts that run twice."""

    store: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.store.flushall()
        self.now = BEGINNING
        self.log = Log(self.store, ACCOUNT, lambda: self.now)
        self.letters = DeadLetters(self.store, ACCOUNT, lambda: self.now)
        self.replays = Replays(self.store, ACCOUNT, lambda: self.now)
        self.remapping = Remapping(self.store, KANA, BRIEF, lambda: self.now)
        self.begun: list[str] = []
        self.appended: set[str] = set()
        self.accepted: set[str] = set()
        self.finished: set[str] = set()
        self.held: dict[str, tuple[int, ...]] = {}
        self.read: dict[str, list[Head]] = {token: [] for token in TOKENS}
        self.numbers = dict.fromkeys(TOKENS, 0)
        self.last_settle: tuple[str, int, list[Settlement], Recorded] | None = None
        self.last_append: list[Admission] = []
        self.sender: dict[str, str] = {}
        self.holders: dict[int, str] = {}
        self.deaths: Counter[int] = Counter()

    @rule(
        ids=st.lists(st.integers(0, 40), min_size=1, max_size=6),
        user=st.integers(0, 5),
        bulk=st.booleans(),
    )
    def append(self, ids: list[int], user: int, bulk: bool) -> None:
        """A request arrives; some of its events may have come before."""
        names = [f"m-{i}" for i in ids]
        self.last_append = [
            Admission(name, "web", f"u-{user}", EVENT % (b"Call" if i % 2 else b"Other"), bulk)
            for i, name in zip(ids, names, strict=True)
        ]
        appended = self.log.append(self.last_append)
        new = [name for i, name in enumerate(names) if i not in appended.duplicates]
        assert sorted(new) == sorted(set(names) - self.appended)
        self.appended.update(new)
        self.accepted.update(new)

    @precondition(lambda self: self.last_append)
    @rule()
    def append_again(self) -> None:
        """The answer to a request got lost and its client repeats it."""
        appended = self.log.append(self.last_append)
        assert len(appended.duplicates) == len(self.last_append)

    @rule(token=st.sampled_from(TOKENS), share=st.integers(1, 4), twice=st.booleans())
    def lease(self, token: str, share: int, twice: bool) -> None:
        """A wake reaches a pump; the script may run a second time."""
        leased = self.log.lease(token, share)
        if twice and isinstance(leased, Leased):
            again = self.log.lease(token, share)
            assert isinstance(again, Leased)
            assert set(again.partitions) == set(leased.partitions)
        if isinstance(leased, Leased):
            self.last_settle = None  # its answer goes with the lease under which it was given
            self.held[token] = leased.partitions
            if self.last_settle and self.last_settle[0] == token:
                self.last_settle = None  # a pump leases once, and settles after that
            for partition in leased.partitions:
                self.deaths[partition] += self.holders.get(partition, token) != token
                self.holders[partition] = token
            assert leased.deaths == max((self.deaths[p] for p in leased.partitions), default=0)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), count=st.integers(1, 5))
    def read_heads(self, data: st.DataObject, count: int) -> None:
        """A pump that may have lost its lease meanwhile reads on."""
        token = data.draw(st.sampled_from(sorted(self.held)))
        readings = [Reading(p, "", count, count) for p in self.held[token]]
        with suppress(StaleLease):
            self.read[token] = sorted(self.log.heads(token, readings).heads, key=_place)

    @precondition(lambda self: any(self.read.values()))
    @rule(data=st.data(), wait=st.integers(0, 60_000))
    def settle(self, data: st.DataObject, wait: int) -> None:
        """Answers come in; a pump that was taken over may not record its verdicts."""
        token = data.draw(st.sampled_from([t for t in TOKENS if self.read[t]]))
        settlements = self._verdicts(self.read[token], data, wait)
        self.numbers[token] += 1
        before = self._places()
        with suppress(StaleLease):
            recorded = self.log.settle(token, self.numbers[token], settlements)
            self.last_settle = (token, self.numbers[token], settlements, recorded)
            self.finished |= before - self._places()
            old = [one.head for one in settlements if one.verb == "park" and self._is_old(one)]
            assert list(recorded.refused) == old
            assert {head.delivery.id for head in old} & before <= self._places()
            gone = [one.head for one in settlements if one.verb != "unmark"]
            self.read[token] = [head for head in self.read[token] if head not in gone]

    @precondition(lambda self: any(self.read.values()))
    @rule(data=st.data(), number=st.integers(2, 3), twice=st.booleans())
    def split(self, data: st.DataObject, number: int, twice: bool) -> None:
        """Some of what was read stands for several; the script may run a second time."""
        token = data.draw(st.sampled_from([t for t in TOKENS if self.read[t]]))
        whole = [h for h in self.read[token] if not (h.sent or h.behind or h.is_part)]
        heads = data.draw(st.lists(st.sampled_from(whole), unique=True)) if whole else []
        splits = [Split(head, _parts(head.delivery, number)) for head in heads]
        with suppress(StaleLease):
            done = self.log.split(token, splits)
            for one in splits:
                if one.head.at in done:
                    self.accepted.discard(one.head.delivery.id)
                    self.accepted |= {part.id for part in one.parts}
                    self.read[token].remove(one.head)
            if twice:
                assert self.log.split(token, splits) == set()

    @rule(data=st.data(), new=st.booleans())
    def change_rules(self, data: st.DataObject, new: bool) -> None:
        """An operator makes a rule, or removes one; either is another version."""
        before, rules = self.book.version, [one.id for one in self.book.rules]
        if new or not rules:
            self.log.rules.add(Rule(id=f"r-{before}", feature="f", event="Call"))
        else:
            assert self.log.rules.remove(data.draw(st.sampled_from(rules)))
        assert self.book.version == before + 1

    @precondition(lambda self: any(self.read.values()))
    @rule(data=st.data(), twice=st.booleans())
    def mark(self, data: st.DataObject, twice: bool) -> None:
        """A pump is about to send what must not be repeated: nobody else may have sent it."""
        token = data.draw(st.sampled_from([t for t in TOKENS if self.read[t]]))
        heads = [head for head in self.read[token] if not head.sent and not head.behind]
        places = self._places()
        with suppress(StaleLease):
            self.log.mark(token, heads)
            if twice:
                self.log.mark(token, heads)
            for head in heads:
                if head.delivery.id in places:
                    assert self.sender.setdefault(head.delivery.id, token) == token

    @precondition(lambda self: self.last_settle)
    @rule()
    def settle_again(self) -> None:
        """The answer of a settle got lost and the client repeats it."""
        assert self.last_settle
        token, number, settlements, recorded = self.last_settle
        before = self._places()
        if number == self.numbers[token] and token in self.held:
            with suppress(StaleLease):
                assert self.log.settle(token, number, settlements) == recorded
        assert self._places() == before

    @precondition(lambda self: self.letters.count(Filter()))
    @rule(data=st.data(), end=st.sampled_from(["discarded", "delivered"]), twice=st.booleans())
    def discard(self, data: st.DataObject, end: End, twice: bool) -> None:
        """An operator lets go of letters."""
        buried = self._buried()
        ids = data.draw(st.lists(st.sampled_from(sorted(buried)), min_size=1, unique=True))
        assert self.letters.discard(ids, end) == len(ids)
        if twice:
            assert self.letters.discard(ids, end) == 0
        self.finished |= {buried[id_].letter.id for id_ in ids}

    @precondition(lambda self: self.letters.count(Filter()))
    @rule(data=st.data(), name=st.sampled_from(["One", "Other"]))
    def edit(self, data: st.DataObject, name: str) -> None:
        """An operator mends the event of a letter; it stays where it is."""
        buried = self._buried()
        key = data.draw(st.sampled_from(sorted(buried)))
        id_ = buried[key].letter.id
        event = f'{{"messageId":"{id_}","type":"track","event":"{name}"}}'.encode()
        opened = self.letters.edit(key, event, {"track"})
        assert opened is not None
        assert (opened, opened.delivery.event) == (self.letters.open(key), event)
        assert self._buried()[key].letter.event == name

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.held)))
        with suppress(StaleLease):
            self.log.renew(token, self.held[token])

    @precondition(lambda self: self.held)
    @rule(data=st.data(), twice=st.booleans(), cleared=st.sets(st.integers(0, 3)))
    def release(self, data: st.DataObject, twice: bool, cleared: set[int]) -> None:
        """A pump ends, in order or because another has taken a partition over."""
        token = data.draw(st.sampled_from(sorted(self.held)))
        mine = [p for p, holder in self.holders.items() if holder == token]
        absolved = [p for p in mine if p in cleared or not self._is_due(p)]
        self.log.release(token, sorted(cleared))
        if twice:
            self.log.release(token, sorted(cleared))
        del self.held[token]
        for partition in mine:
            del self.holders[partition]
        for partition in absolved:
            del self.deaths[partition]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """A pump is killed between two commands; what it had read is forgotten."""
        token = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[token]
        self.read[token] = []

    @rule(
        ids=st.lists(st.integers(0, 40), min_size=1, max_size=6),
        user=st.integers(0, 5),
        failed=st.sampled_from(["rejected", "unconfirmed"]),
        count=st.integers(1, 9),
    )
    def refuse(self, ids: list[int], user: int, failed: str, count: int) -> None:
        """Some more arrive, and a pump comes, has what it reads refused, and ends."""
        self.append(ids, user, bulk=False)
        leased = self.log.lease("refused", 4)
        if isinstance(leased, Leased):
            readings = [Reading(p, "", count, count) for p in leased.partitions]
            found = self.log.heads("refused", readings).heads
            verdicts = [buried_unsent(one, failed, "why", self.now) for one in found]
            self.log.settle("refused", 1, verdicts)
            self.log.release("refused", leased.partitions)
            for partition in leased.partitions:
                self.holders.pop(partition, None)
                del self.deaths[partition]
            self.now += 1

    @precondition(lambda self: self.letters.count(Filter()))
    @rule(
        rate=st.sampled_from([1, 2, 500]),
        user=st.none() | st.integers(0, 5),
        named=st.booleans(),
        seconds=st.integers(0, 3),
    )
    def replay(self, rate: int, user: int | None, named: bool, seconds: int) -> None:
        """An operator sends dead letters again: all, a user's, or those that a page shows."""
        filter_ = Filter(user=None if user is None else f"u-{user}")
        chosen = list(self._buried()) if named else filter_
        if self._replay_runs():
            with pytest.raises(ReplayRunning, match=self.begun[-1]):
                self.replays.begin(chosen, rate, "operator")
        else:
            self.begun.append(self.replays.begin(chosen, rate, "operator").id)
            self.step_replay(seconds, beats=1)

    @precondition(lambda self: self._replay_runs())
    @rule(seconds=st.integers(0, 3), beats=st.integers(1, 3))
    def step_replay(self, seconds: int, beats: int) -> None:
        """A tick moves letters; other beats, or its own command repeated, move none of them."""
        self.now += seconds * 1000
        stepper = self.replays._stepper
        paces = [stepper.pace() for _ in range(beats)]
        running = self.replays.one(self.begun[-1])
        assert running
        portions = [
            (pace, stepper.portion(running, pace)) for pace in paces if pace and pace.count
        ]
        moved = [stepper.move(pace, portion) for pace, portion in portions]
        assert sum(moved) == sum(moved[:1])

    @precondition(lambda self: self._replay_runs())
    @rule(twice=st.booleans())
    def cancel_replay(self, twice: bool) -> None:
        assert self.replays.cancel(self.begun[-1])
        if twice:
            assert self.replays.cancel(self.begun[-1])

    @rule(seconds=st.integers(0, 3), beats=st.integers(1, 3))
    def remap(self, seconds: int, beats: int) -> None:
        """A tick moves what new rules map; other beats, or its command repeated, move none."""
        self.now += seconds * 1000
        paces = [self.remapping.pace() for _ in range(beats)]
        portions = [(pace, self.remapping.portion(pace)) for pace in paces if pace and pace.count]
        parked = self._parked()
        moved = [self.remapping.move(pace, portion) for pace, portion in portions]
        assert sum(moved) == sum(moved[:1])
        gone = [delivery.decode(one) for key, one in parked.items() if key not in self._parked()]
        assert all(b'"Call"' in one.event for one in gone)

    @precondition(lambda self: self._parked())
    @rule(hours=st.integers(0, 2))
    def expire(self, hours: int) -> None:
        """What has been unmapped for longer than an hour is let go of."""
        self.now += hours * 3_600_000
        before = set(self._unmapped())
        expired = self.remapping._expire()
        gone = before - set(self._unmapped())
        assert expired == len(gone)
        self.finished |= gone

    @rule(ms=st.integers(1, 2 * LEASE_MS))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @invariant()
    def every_accepted_delivery_is_in_exactly_one_place(self) -> None:
        places = self._placed()
        assert len(places) == len(set(places))
        assert set(places) | self.finished == self.accepted
        assert not set(places) & self.finished
        assert self.log.census().unaccounted == 0
        self._the_days_add_up()

    @invariant()
    def the_pipeline_has_received_all_that_does_not_wait_for_its_first_look(self) -> None:
        late = map(delivery.decode, self._payloads("late:"))
        fresh = self.log.census().waiting + sum(not one.received for one in late)
        whole = Counter[str]()
        for hour in self.store.scan_iter(destination_key("kable", "hour:") + "*"):
            for counts in map(msgpack.decode, self.store.hvals(hour)):
                whole.update(counts)
        received = sum(n for word, n in whole.items() if not word.startswith(LATER))
        assert received == len(self.accepted) - fresh

    @invariant()
    def every_letter_that_is_replayed_is_counted_once(self) -> None:
        replaying, retried = (
            self.store.hgetall(destination_key("kable", name)) for name in ("replaying", "retried")
        )
        late, behind = self._entries("late:"), self._entries("behind:")
        assert set(replaying) <= late
        assert set(retried) <= late | behind
        assert not set(replaying) & set(retried)
        assert len(replaying) <= 500
        under_way = Counter([*replaying.values(), *retried.values()])
        for replay in map(self.replays.one, self.begun[-2:]):
            assert replay
            assert replay.under_way == under_way[replay.id.encode()]
            assert replay.replayed <= replay.total
        run = self.remapping.run()
        assert (run.under_way if run else 0) == under_way[b"unmapped"]

    @invariant()
    def deaths_in_a_row_are_counted(self) -> None:
        counted = self.store.hgetall(destination_key("kable", "deaths"))
        assert {int(p): int(n) for p, n in counted.items()} == +self.deaths

    @invariant()
    def nothing_waits_that_no_index_names(self) -> None:
        assert self.log.sweep() == 0

    def teardown(self) -> None:
        """Every pump has died; a fresh one finds and finishes all that is not buried."""
        self.now += 24 * 3_600_000
        for round_ in range(40 * ACCOUNT.partitions):
            if self.log.overdue(0) == "nothing":
                break
            token = f"fresh-{round_}"
            leased = self.log.lease(token, 4)
            assert isinstance(leased, Leased)
            found = self.log.heads(token, [Reading(p, "", 99, 99) for p in leased.partitions])
            done = [h for h in found.heads if not h.behind]
            self.log.settle(token, 1, [Settlement(head, "delivered") for head in done])
            self.log.release(token)
        census = self.log.census()
        assert (census.waiting, census.retrying, census.unaccounted) == (0, 0, 0)

    def _is_due(self, partition: int) -> bool:
        """Whether something lies in a partition that a pump could take in hand now."""
        due, log = (destination_key("kable", name) + str(partition) for name in ("due:", "log:"))
        return self.store.zcount(due, "-inf", self.now) + self.store.xlen(log) > 0

    def _verdicts(self, heads: list[Head], data: st.DataObject, wait: int) -> list[Settlement]:
        """Verdicts as a pump gives them: what is behind stays behind, what was sent is buried."""
        settlements: list[Settlement] = []
        blocked: set[tuple[bool, str]] = set()
        for head in heads:
            user = head.bulk, head.delivery.user
            if head.sent:
                verb = "bury"
            elif head.behind or (user in blocked and head.place == "log"):
                verb = "behind"
            else:
                verb = data.draw(VERBS)
            if verb == "block":
                blocked.add(user)
            if verb == "unmark":
                self.sender.pop(head.delivery.id, None)
            if verb != "hold":
                settlements.append(self._settlement(head, verb, wait))
        return settlements

    def _settlement(self, head: Head, verb: str, wait: int) -> Settlement:
        match verb:
            case "retry" | "block":
                waits = structs.replace(head.delivery, received=True)
                return Settlement(head, verb, wait, delivery.encode(waits))
            case "bury":
                return buried_unsent(head, "rejected", "why", self.now)
            case "behind":
                return put_behind(head)
            case "park":
                return parked(head, self.book.version)
            case "park, by old rules":
                return parked(head, self.book.version - 1)
            case "delivered" | "skipped" | "filtered" | "unmark":
                return Settlement(head, verb)
        raise AssertionError(verb)

    @property
    def book(self) -> Rulebook:
        return self.log.rules.book()

    def _is_old(self, settlement: Settlement) -> bool:
        return settlement.version != self.book.version

    def _the_days_add_up(self) -> None:
        """Entries carry the store's own time, so the days are those of today."""
        census, newest = self.log.census(), days(self.store, ACCOUNT.id, milliseconds(), 2)
        for name in LEDGER:
            assert sum(getattr(day, name) for day in newest) == getattr(census, name), name

    def _buried(self) -> dict[str, Buried]:
        """The dead letters by their ids, as operators find them."""
        return {one.id: one for one in self.letters.scan(Filter())}

    def _replay_runs(self) -> bool:
        newest = destination_key("kable", "replay:") + self.begun[-1] if self.begun else ""
        return self.store.hget(newest, "state") == b"running"

    def _entries(self, name: str) -> set[bytes]:
        """What lies in the hashes of all partitions, named as dead letters are."""
        pipe = self.store.pipeline(transaction=False)
        for partition in range(2 * ACCOUNT.partitions):
            pipe.hkeys(destination_key("kable", name) + str(partition))
        return {b"%d-%s" % (p, entry) for p, some in enumerate(pipe.execute()) for entry in some}

    def _payloads(self, name: str) -> Iterator[bytes]:
        for partition in range(2 * ACCOUNT.partitions):
            yield from self.store.hvals(destination_key("kable", name) + str(partition))

    def _places(self) -> set[str]:
        return set(self._placed())

    def _placed(self) -> list[str]:
        return [*self._logged(), *self._late(), *self._behind(), *self._dead(), *self._unmapped()]

    def _logged(self) -> Iterator[str]:
        for partition in range(2 * ACCOUNT.partitions):
            key = destination_key("kable", "log:") + str(partition)
            yield from (fields[b"i"].decode() for _, fields in self.store.xrange(key))

    def _late(self) -> Iterator[str]:
        for partition in range(2 * ACCOUNT.partitions):
            key = destination_key("kable", "late:") + str(partition)
            due = destination_key("kable", "due:") + str(partition)
            late = self.store.hgetall(key)
            assert set(self.store.zrange(due, 0, -1)) == set(late)
            yield from (delivery.decode(payload).id for payload in late.values())

    def _behind(self) -> Iterator[str]:
        for partition in range(2 * ACCOUNT.partitions):
            behind, order, blocked, late = (
                destination_key("kable", name) + str(partition)
                for name in ("behind:", "order:", "blocked:", "late:")
            )
            waiting = [delivery.decode(one) for one in self.store.hvals(behind)]
            assert self.store.zcard(order) == len(waiting)
            blockers = self.store.hgetall(blocked)
            assert {one.user.encode() for one in waiting} <= set(blockers)
            assert all(self.store.hexists(late, entry) for entry in blockers.values())
            yield from (one.id for one in waiting)

    def _parked(self) -> dict[bytes, bytes]:
        """What is unmapped, as it lies there; the moments name the same."""
        parked: dict[bytes, bytes] = self.store.hgetall(destination_key("kable", "unmapped"))
        at = destination_key("kable", "unmapped:at")
        assert set(self.store.zrange(at, 0, -1)) == set(parked)
        return parked

    def _unmapped(self) -> Iterator[str]:
        yield from (delivery.decode(payload).id for payload in self._parked().values())

    def _dead(self) -> Iterator[str]:
        """What is dead; all that names it names the same."""
        letters = self.store.hgetall(destination_key("kable", "dead"))
        deliveries = self.store.hgetall(destination_key("kable", "dead:deliveries"))
        assert set(deliveries) == set(letters)
        assert set(self.store.zrange(destination_key("kable", "dead:at"), 0, -1)) == set(letters)
        packed = {key: dead_letters.decode(letter) for key, letter in letters.items()}
        ids = {letter.id.encode() + b"\0" + key for key, letter in packed.items()}
        assert set(self.store.zrange(destination_key("kable", "dead:ids"), 0, -1)) == ids
        groups = {letter.group.encode() for letter in packed.values()}
        assert set(self.store.hkeys(destination_key("kable", "dead:groups"))) == groups
        for group in groups:
            members = self.store.zrange(
                destination_key("kable", "dead:group:") + group.decode(), 0, -1
            )
            assert {k for k in letters if packed[k].group.encode() == group} == set(members)
        reasons = self.store.hgetall(destination_key("kable", "dead:reasons"))
        assert {k.decode(): int(n) for k, n in reasons.items()} == Counter(
            letter.reason for letter in packed.values()
        )
        yield from (delivery.decode(one).id for one in deliveries.values())


def _place(head: Head) -> tuple[int, list[int]]:
    return head.partition, [int(number) for number in re.split(r"[-.]", head.entry)]


def _parts(whole: Delivery, number: int) -> tuple[Delivery, ...]:
    """The first stands for the whole, where that was received already."""
    return tuple(
        structs.replace(whole, id=f"{whole.id}#{n}", received=whole.received and n == 1)
        for n in range(1, number + 1)
    )


@pytest.mark.timeout(120)
def test_whatever_happens_every_accepted_delivery_is_in_exactly_one_place(
    store: redis.Redis,
) -> None:
    machine = type("Machine", (LogMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
