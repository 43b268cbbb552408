"""`relay rules`: list them, make one, forget one, try one on what is unmapped."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import msgspec
from rich.table import Table
from rich.text import Text

from app import items
from app.cli.exits import DONE, FAILED, WRONG_USE, leave, note
from app.cli.reach import reached, ruled
from app.cli.tables import printable, show, show_json
from app.cli.who import who_it_is
from app.destinations import KINDS
from app.mapping import BadRule, Rule
from app.moving import told
from app.operating import Absent, Conflict, Operator
from app.rules import Rules
from app.settings import Settings
from app.unmapped import Remapping, Run, UnmappedEvents

COLUMNS = ("id", "name", "feature", "event", "properties", "created_at", "matches")
SAMPLE_COLUMNS = ("message_id", "event", "user", "parked_at")


@dataclass(frozen=True, slots=True)
class Wish:
    """A rule as it was typed; `properties` are `PATH=VALUE`."""

    feature: str
    event: str | None
    properties: Sequence[str]
    name: str | None
    id: str | None

    def rule(self) -> Rule:
        """The rule; ends the command when it is none."""
        fields: dict[str, object] = {
            "id": self.id or uuid4().hex[:8],
            "feature": self.feature,
            "event": self.event,
            "properties": dict(_property(one) for one in self.properties),
        }
        try:
            return Rule.written(fields | ({"name": self.name} if self.name else {}))
        except BadRule as bad:
            leave(f"the rule is refused: {bad}", WRONG_USE)


def list_all(settings: Settings, destination: str | None, *, as_json: bool) -> int:
    account = ruled(settings, destination)
    with reached(settings) as store:
        kept = Rules(store, account.id).kept()
        run = Remapping(store, KINDS[account.kind], account).run()
        run = run and told(store, run)
    listed = [items.rule(account.id, one) for one in kept]
    if as_json:
        remapping = items.remapping(account.id, run)
        show_json({"items": listed, "next_cursor": None, "remapping": remapping})
        return DONE
    show(_table(COLUMNS, listed))
    if run is not None:
        note(_progress(run))
    return DONE


def add(
    settings: Settings, destination: str | None, wish: Wish, who: str | None, *, as_json: bool
) -> int:
    account, rule = ruled(settings, destination), wish.rule()
    with reached(settings) as store:
        try:
            added = Operator(store, settings, who_it_is(who)).add_rule(account.id, rule)
        except Conflict as refused:
            if refused.code == "no_rules_apply":
                leave(str(refused), WRONG_USE)
            leave(f"the rule is refused: {refused}", FAILED)
    if as_json:
        show_json(items.rule(account.id, added.kept))
        return DONE
    sys.stdout.write(f"{rule.id} holds from now on\n")
    if added.unmapped:
        once = ", once the dry run has ended" if account.dry_run else ""
        tried = f"it is tried on {added.unmapped:,} unmapped events{once}"
        note(f"{tried}; relay rules list shows how far")
    return DONE


def remove(
    settings: Settings, destination: str | None, rule: str, who: str | None, *, as_json: bool
) -> int:
    account = ruled(settings, destination)
    with reached(settings) as store:
        try:
            Operator(store, settings, who_it_is(who)).remove_rule(account.id, rule)
        except Absent as absent:
            leave(f"{absent}; relay rules list shows them", FAILED)
        except Conflict as configured:
            leave(str(configured), FAILED)
    if as_json:
        show_json({"id": rule, "destination": account.id})
    else:
        sys.stdout.write(f"{printable(rule)} is removed\n")
    return DONE


def try_out(settings: Settings, destination: str | None, wish: Wish, *, as_json: bool) -> int:
    account, rule = ruled(settings, destination), wish.rule()
    with reached(settings) as store:
        trial = UnmappedEvents(store, account.id).trial(rule)
    if as_json:
        show_json(items.trial(account.id, trial))
        return DONE
    of = f"{trial.looked:,} unmapped events"
    if trial.looked < trial.total:
        of = f"the newest {trial.looked:,} of {trial.total:,} unmapped events"
    sys.stdout.write(f"it would match {trial.matched:,} of {of}\n")
    if trial.samples:
        show(_table(SAMPLE_COLUMNS, [items.unmapped(account.id, one) for one in trial.samples]))
    return DONE


def _property(written: str) -> tuple[str, object]:
    path, mark, value = written.partition("=")
    if not mark or not path:
        leave(f"--property: expected PATH=VALUE; found {written}", WRONG_USE)
    try:
        return path, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return path, value


def _progress(run: Run) -> str:
    """How far the newest rules have come over what was unmapped when they were made."""
    done = f"{run.looked:,} of {run.total:,} unmapped events looked at, {run.taken:,} taken"
    standing = f"; {run.standing}" if run.standing else ""
    return f"{done}, {run.under_way:,} under way ({run.state}){standing}"


def _table(columns: Sequence[str], listed: Sequence[items.Item]) -> Table:
    table = Table(*(name.replace("_", " ") for name in columns), box=None)
    for one in listed:
        table.add_row(*(Text(printable(_cell(one[name]))) for name in columns))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
