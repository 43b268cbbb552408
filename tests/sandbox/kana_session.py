"""A session that speaks to the sandbox's Kana."""

from typing import Any

import requests

KEY = "prv_test_0123456789abcdefghijklmnopqrstuv"
RECORD = (
    "mutation recordUsage($input: CreateUsageEventInput!) "
    "{ recordUsage(input: $input) { recorded reason } }"
)


class Account(requests.Session):
    """A session below Kana's address, with a valid key."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.trust_env = False
        self._address = address
        self.headers["Authorization"] = KEY

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        options.setdefault("timeout", 10)
        return super().request(method, f"{self._address}{url!s}", *args, **options)

    def ask(self, query: str, **variables: object) -> Any:  # noqa: ANN401
        """The answer's JSON; it has to be answered 200."""
        answer = self.post("/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def record(self, **given: object) -> Any:  # noqa: ANN401
        return self.ask(RECORD, input={"userId": "u", "featureId": "messages", **given})

    def identify(self, user_id: str, **traits: object) -> Any:  # noqa: ANN401
        return self.event(type="identify", userId=user_id, traits=traits)

    def track(self, event: str, **properties: object) -> Any:  # noqa: ANN401
        return self.event(type="track", userId="u", event=event, properties=properties)

    def event(self, **event: object) -> Any:  # noqa: ANN401
        """The answer's JSON to one raw event; it has to be answered 200."""
        answer = self.post("/segment/events", json=event)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def seed(self, *users: object) -> None:
        self.post("/_users", json={"items": users}).raise_for_status()

    def settle(self, **settings: object) -> None:
        self.post("/_settings", json=settings).raise_for_status()

    def misbehave(self, **how: object) -> None:
        self.post("/_answers", json=how).raise_for_status()

    def users(self) -> Any:  # noqa: ANN401
        return self.get("/_users").json()["items"]

    def usage(self) -> list[tuple[str, str, int]]:
        items = self.get("/_usage").json()["items"]
        return [(item["userId"], item["featureId"], item["delta"]) for item in items]
