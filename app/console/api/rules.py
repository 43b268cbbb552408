"""Mapping rules: which feature an event stands for that names none itself."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Path
from pydantic import JsonValue
from starlette.responses import Response

from app import items
from app.console.api.answers import answer
from app.console.api.asked import Acting, DestinationId, Looking, TheDesk, router
from app.console.api.faults import explained
from app.console.api.shape import Shape, any_of, told
from app.console.api.shapes.rules import RemovedRule, Rule, Rules, Trial
from app.destinations import KINDS
from app.mapping import BadRule
from app.mapping import Rule as MappingRule
from app.moving import told as told_by_beat
from app.operating import Wrong
from app.rules import Rules as KeptRules
from app.unmapped import Remapping, UnmappedEvents

routes = router("rules")

RuleId = Annotated[str, Path(description="As a list names it.", examples=["5f1c2e9a"])]


NOT_EMPTY: dict[str, JsonValue] = {"minLength": 1, "maxLength": 200, "pattern": r"\S"}


class Conditions(Shape):
    """What an event has to have: a name, values at paths in its properties, or both."""

    model_config = any_of("event", "properties")

    event: str | None = told("Report Exported", default=None, json_schema_extra={"pattern": r"\S"})
    properties: dict[str, Any] = told(
        {"format": "pdf"},
        "Values by their paths in dot notation: texts, numbers, true or false.",
        default_factory=dict,
    )

    def rule(self, fields: Mapping[str, object]) -> MappingRule:
        """Raises Wrong."""
        try:
            conditions = {"event": self.event, "properties": self.properties}
            return MappingRule.written({**conditions, **fields})
        except BadRule as bad:
            raise Wrong("bad_rule", str(bad), next(iter(bad.faults), "")) from None


class NewRule(Conditions):
    """A rule to be made."""

    feature: str = told("reports", "The feature's id.", json_schema_extra=NOT_EMPTY)
    name: str | None = told("Reports", "Default: its id.", default=None)
    id: str | None = told("5f1c2e9a", "Default: one is made.", default=None)


@routes.get(
    "/destinations/{destination}/rules", response_model=Rules, responses=explained(404, 422)
)
def list_rules(destination: DestinationId, desk: TheDesk, operator: Looking) -> Response:
    """List all rules, and how far the newest have come over what is unmapped."""
    account = operator.account(destination)
    kind = KINDS.get(account.kind)  # an orphan's may be gone
    run = Remapping(desk.store, kind, account).run() if kind else None
    remapping = items.remapping(account.id, run and told_by_beat(desk.store, run))
    listed = [items.rule(account.id, one) for one in KeptRules(desk.store, account.id).kept()]
    return answer({"items": listed, "next_cursor": None, "remapping": remapping})


@routes.post(
    "/destinations/{destination}/rules",
    response_model=Rule,
    status_code=HTTPStatus.CREATED,
    responses=explained(403, 404, 409, 413, 422),
)
def add_rule(destination: DestinationId, operator: Acting, wish: NewRule) -> Response:
    """Make a rule. It holds from the next events on, and reaches what is unmapped later."""
    fields = {"feature": wish.feature, "id": wish.id or uuid4().hex[:8]}
    rule = wish.rule(fields | ({"name": wish.name} if wish.name else {}))
    added = operator.add_rule(destination, rule)
    return answer(items.rule(destination, added.kept), HTTPStatus.CREATED)


@routes.post(
    "/destinations/{destination}/rules/test",
    response_model=Trial,
    responses=explained(404, 413, 422),
)
def test_rule(
    destination: DestinationId, desk: TheDesk, operator: Looking, wish: Conditions
) -> Response:
    """Show what a rule would match among the newest unmapped events, and change nothing."""
    account, rule = operator.account(destination), wish.rule({"feature": "test", "id": "test"})
    return answer(items.trial(account.id, UnmappedEvents(desk.store, account.id).trial(rule)))


@routes.delete(
    "/destinations/{destination}/rules/{rule}",
    response_model=RemovedRule,
    responses=explained(403, 404, 409, 422),
)
def remove_rule(destination: DestinationId, rule: RuleId, operator: Acting) -> Response:
    """Forget a rule. What it has matched stays as it is."""
    operator.remove_rule(destination, rule)
    return answer({"id": rule, "destination": destination})
