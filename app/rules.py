"""The mapping rules of one destination: those of the configuration, and those made at run time.

The store says which hold, for all workers alike; their version grows with every change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from app.clock import Clock, milliseconds
from app.keys import destination_key
from app.mapping import RULES_MAX, Rule, Rulebook
from app.scripts import Scripts


class RuleExists(ValueError):
    """There is a rule of this id."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"id: expected one that no rule has; found {rule}")


class TooManyRules(ValueError):
    """A destination has as many rules as it may have."""

    def __init__(self) -> None:
        super().__init__(f"expected at most {RULES_MAX} rules; remove one first")


class ConfiguredRule(ValueError):
    """A rule of the configuration is removed there."""

    def __init__(self, rule: str) -> None:
        super().__init__(f"{rule} stands in relay.toml; remove it there and start beat again")


@dataclass(frozen=True, slots=True)
class Kept:
    """A rule, when it was made (ms since the epoch; None in the configuration), its matches."""

    rule: Rule
    created_at: int | None
    matches: int


class _Made(msgspec.Struct, frozen=True):
    created_at: int
    rule: msgspec.Raw


_made = msgspec.json.Decoder(_Made)


class Rules:
    """The rules of a destination. A change takes effect with the next events that a pump reads."""

    def __init__(self, store: redis.Redis, destination: str, clock: Clock | None = None) -> None:
        self._store = store
        self._destination = destination
        self._clock = clock or milliseconds
        self._scripts = Scripts(store, destination, clock)

    def book(self) -> Rulebook:
        """All rules in their order: those of the configuration first, then as they were made."""
        version, configured, made, _ = self._read()
        return Rulebook(version, tuple(one.rule for one in _in_order(configured, made)))

    def kept(self) -> list[Kept]:
        """All rules in their order, with what is known of them."""
        _, configured, made, matches = self._read()
        counts = {rule.decode(): int(count) for rule, count in matches.items()}
        return [
            Kept(one.rule, one.created_at, counts.get(one.rule.id, 0))
            for one in _in_order(configured, made)
        ]

    def add(self, rule: Rule) -> Kept:
        """Make a rule. All unmapped are looked at once more. Raises RuleExists, TooManyRules."""
        if any(one.rule.id == rule.id for one in self.kept()):
            raise RuleExists(rule.id)
        now = self._clock()
        made = _Made(now, msgspec.Raw(rule.model_dump_json(exclude_defaults=True).encode()))
        match self._scripts.run("rule", rule.id, msgspec.json.encode(made), RULES_MAX):
            case 0:
                raise RuleExists(rule.id)
            case -1:
                raise TooManyRules
        return Kept(rule, now, 0)

    def remove(self, rule: str) -> bool:
        """Forget a rule; False when there is none. Raises ConfiguredRule."""
        configured = [one.rule.id for one in self.kept() if one.created_at is None]
        if rule in configured:
            raise ConfiguredRule(rule)
        return bool(self._scripts.run("rule", rule, "", RULES_MAX))

    def configure(self, rules: Sequence[Rule]) -> bool:
        """Take over the rules of the configuration; True when they are others than before."""
        written = (
            b"["
            + b",".join(rule.model_dump_json(exclude_defaults=True).encode() for rule in rules)
            + b"]"
        )
        return bool(self._scripts.run("configure", written))

    def _read(self) -> tuple[int, bytes, dict[bytes, bytes], dict[bytes, bytes]]:
        pipe = self._store.pipeline(transaction=True)
        pipe.hmget(self._key("rules:state"), ["version", "configured"])
        pipe.hgetall(self._key("rules"))
        pipe.hgetall(self._key("rules:matches"))
        (version, configured), made, matches = pipe.execute()
        return int(version or 0), configured or b"[]", made, matches

    def _key(self, name: str) -> str:
        return destination_key(self._destination, name)


def _in_order(configured: bytes, made: dict[bytes, bytes]) -> list[Kept]:
    written = cast("list[object]", msgspec.json.decode(configured))
    first = [Kept(Rule.model_validate(one), None, 0) for one in written]
    later = [_kept(one) for one in made.values()]
    later.sort(key=lambda one: (one.created_at, one.rule.id))
    taken = {one.rule.id for one in first}
    return [*first, *(one for one in later if one.rule.id not in taken)]


def _kept(packed: bytes) -> Kept:
    made = _made.decode(packed)
    return Kept(Rule.model_validate_json(bytes(made.rule)), made.created_at, 0)
