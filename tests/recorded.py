"""Requests in the shapes in which Segment's SDKs send them, with data made for these tests."""

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

Json = dict[str, Any]

SECOND = "2026-05-06T07:08:09"
BASIC = b"Basic " + base64.b64encode(b"key:")
SERVER = {"Content-Type": b"application/json", "Authorization": BASIC}
BROWSER = {"Content-Type": b"text/plain", "Authorization": BASIC, "Origin": b"https://a.example"}
TYPES = ["identify", "track", "track", "page", "screen", "group", "alias"]


@dataclass(frozen=True)
class Recorded:
    """One request: where it goes, what it holds, and the types of the events in it."""

    sdk: str
    path: str
    body: Json
    headers: Mapping[str, bytes]
    types: list[str] = field(default_factory=lambda: TYPES)

    @property
    def sent(self) -> bytes:
        plain = json.dumps(self.body).encode()
        return gzip.compress(plain) if "Content-Encoding" in self.headers else plain


def calls(**each: object) -> list[Json]:
    """One call of each type, and a second track that is for Kable only."""
    own: list[Json] = [
        {"traits": {"email": "bo@example.org", "name": "Bo"}},
        {"event": "Invoice Sent", "properties": {"lines": 7, "sum": 1.10, "deep": {"a": ["b"]}}},
        {"event": "Filtered", "properties": {}, "integrations": {"All": False, "Kable": True}},
        {"name": "Start", "category": "Guide", "properties": {"url": "https://a.example/?q=1"}},
        {"name": "Main", "category": "App", "properties": {}},
        {"groupId": "team-3", "traits": {"employees": 12}},
        {"previousId": "anon-7"},
    ]
    return [
        {"type": type_, "userId": "cust-5", "messageId": f"m-{number}", **each, **members}
        for number, (type_, members) in enumerate(zip(TYPES, own, strict=True))
    ]


def python(path: str = "/v1/batch", **headers: bytes) -> Recorded:
    """Write key in body and header, ids that are null, offsets in times, sentAt on the batch."""
    context = {"library": {"name": "analytics-python", "version": "2.4.0"}}
    events = calls(
        integrations={}, anonymousId=None, context=context, timestamp=f"{SECOND}.587+00:00"
    )
    body = {"batch": events, "sentAt": f"{SECOND}.987654+00:00", "writeKey": "key"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Recorded("python", path, body, {**SERVER, "User-Agent": b"analytics-python", **named})


def node(**large: int) -> Recorded:
    """No sentAt at all; `_metadata` in each event. `large` adds tracks: size of each by name."""
    context = {"library": {"name": "@segment/analytics-node", "version": "3.1.0"}}
    metadata = {"nodeVersion": "v20", "jsRuntime": "node"}
    more = [
        {
            "type": "track",
            "event": name,
            "userId": "u",
            "messageId": name,
            "properties": {"p": pad},
        }
        for name, pad in ((name, "x" * size) for name, size in large.items())
    ]
    events = calls(integrations={}, context=context, timestamp=f"{SECOND}.933Z") + more
    body = {"batch": [event | {"_metadata": metadata} for event in events]}
    headers = {**SERVER, "User-Agent": b"analytics-node-next/latest", "X-Retry-Count": b"1"}
    return Recorded("node", "/v1/batch", body, headers, TYPES + ["track"] * len(more))


def browser() -> list[Recorded]:
    """One event a request, at the first letter of its type, sentAt and write key in it."""
    sent = {"writeKey": "key", "sentAt": f"{SECOND}.418Z"}
    return [
        Recorded("browser", f"/v1/{event['type'][0]}", event | sent, BROWSER, [event["type"]])
        for event in browser_calls()
    ]


def browser_batch(size: int = 0) -> Recorded:
    """As batching sends it and, larger, the page when it is left: text/plain, kept alive."""
    events = [event | {"writeKey": "key", "pad": "x" * size} for event in browser_calls()]
    body = {"writeKey": "key", "batch": events, "sentAt": f"{SECOND}.500Z"}
    return Recorded("browser", "/v1/b", body, BROWSER)


def beacon() -> Recorded:
    """No headers of its own: the write key stands in the body."""
    body = calls()[1] | {"writeKey": "key"}
    type_ = {"Content-Type": b"text/plain;charset=UTF-8", "Cookie": b"a=b"}
    return Recorded("beacon", "/v1/t", body, type_, ["track"])


def go() -> Recorded:
    """The library's context stands on the batch only."""
    context = {"library": {"name": "analytics-go", "version": "3.0.0"}}
    body = {"batch": calls(), "context": context, "messageId": "b", "sentAt": f"{SECOND}Z"}
    return Recorded("go", "/v1/batch", body, SERVER)


def kotlin() -> Recorded:
    """Compressed text without Authorization."""
    body = {"batch": calls(), "sentAt": f"{SECOND}.1Z", "writeKey": "key"}
    headers = {"Content-Type": b"text/plain", "Content-Encoding": b"gzip"}
    return Recorded("kotlin", "/v1/b", body, headers)


def engage() -> list[Json]:
    """What audiences, computed traits and journeys send, as identify and as track."""
    key = "paid_last_30days"
    return [
        _engaged("audience", key, "identify", traits={key: True, "email": "bo@example.org"}),
        _engaged("audience", key, "identify", traits={key: False}),
        _engaged("audience", key, "track", event="Audience Entered", properties={key: True}),
        _engaged("audience", key, "track", event="Audience Exited", properties={key: False}),
        _engaged("trait", "revenue", "identify", traits={"revenue": 450.0}),
        _engaged("trait", "revenue", "track", event="Trait Computed", properties={"revenue": 9}),
        _engaged("journey_step", "j_o_first__a1", "identify", traits={"j_o_first__a1": "true"}),
    ]


def everything() -> list[Recorded]:
    return [
        *(python(), python("/v1/import/"), python(Content_Encoding=b"gzip"), node(), go()),
        *(kotlin(), beacon(), browser_batch(), browser_batch(9000), *browser()),
    ]


def browser_calls() -> list[Json]:
    page = {"path": "/p", "referrer": "", "search": "?q=é", "title": "P", "url": "https://a/p?q=é"}
    brands = [{"brand": "Not:A-Brand", "version": "8"}]
    context = {
        "page": page,
        "userAgent": "Mozilla/5.0",
        "userAgentData": {"brands": brands, "mobile": False, "platform": "Linux"},
        "locale": "en-US",
        "library": {"name": "analytics.js", "version": "next-1.84.3"},
        "timezone": "UTC",
    }
    metadata = {"bundled": ["Segment.io"], "unbundled": [], "bundledIds": []}
    events = calls(anonymousId="anon-9", context=context, timestamp=f"{SECOND}.337Z")
    return [
        event
        | {"_metadata": metadata}
        | {"integrations": {"Segment.io": True, **event.get("integrations", {})}}
        for event in events
    ]


def _engaged(class_: str, key: str, type_: str, **members: object) -> Json:
    personas = {
        "computation_class": class_,
        "computation_id": f"{class_[:3]}_2aBc",
        "computation_key": key,
        "namespace": "spa_9xYz",
        "space_id": "spa_9xYz",
    }
    library = {"name": "unknown", "version": "unknown"}
    return {
        "messageId": f"personas_{class_}_{type_}_{crc32(str(members).encode()):x}",
        "timestamp": f"{SECOND}.511Z",
        "receivedAt": f"{SECOND}.584Z",
        "integrations": {"All": False, "Kana": True},
        "userId": "cust-5",
        "type": type_,
        "context": {"personas": personas, "library": library},
        **members,
    }
