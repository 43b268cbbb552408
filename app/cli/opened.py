"""One dead letter as people read it: what happened to it, what was sent, what came back. Pure."""

from collections.abc import Iterator
from itertools import count
from shlex import quote

import msgspec

from app.cli.tables import printable
from app.dead_letters import Opened
from app.delivery import Attempt
from app.destination import Usage
from app.timestamps import instant


def described(destination: str, opened: Opened, usage: Usage | None = None) -> str:
    """The whole of it, in lines; `usage` is what it may have been counted as."""
    return "\n".join(printable(line) for line in _lines(destination, opened, usage)) + "\n"


def pretty(event: bytes) -> bytes:
    """An event in lines, its values untouched; what is no JSON as it is."""
    try:
        event.decode()
        return msgspec.json.format(event, indent=2) + b"\n"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return event


def _lines(destination: str, opened: Opened, usage: Usage | None) -> Iterator[str]:
    letter, tried = opened.letter, opened.delivery
    yield f"dead letter  {opened.id} of {destination}"
    yield f"message id   {letter.id}"
    yield f"reason       {letter.reason}: {letter.message}"
    yield f"event        {letter.event}, user {letter.user}, source {letter.source}"
    yield f"accepted     {instant(letter.accepted_at)}"
    yield f"buried       {instant(letter.buried_at)}"
    yield f"group        {letter.group}"
    yield from ("", "Attempts")
    yield from map(_attempt, count(1), tried.attempts)
    if not tried.attempts:
        yield "  none"
    if tried.original is not None:
        yield from ("", "You sent, before it was edited", _pretty(tried.original))
        yield from ("", "It is now", _pretty(tried.event))
    else:
        yield from ("", "You sent", _pretty(tried.event))
    yield from _exchange(tried.attempts[-1] if tried.attempts else None)
    yield from ("", *_advice(destination, opened, usage))


def _attempt(number: int, one: Attempt) -> str:
    status = "no answer" if one.status is None else f"answer {one.status}"
    return f"  {number}  {instant(one.at)}  {one.took / 1000:.3f} s  {status}  {one.error}"


def _exchange(last: Attempt | None) -> Iterator[str]:
    """The last request and its response; nothing where none is known."""
    if last is None or not last.request:
        yield from ("", "Request", "none is known")
        return
    yield from ("", "Request", *last.request.splitlines())
    yield from ("", "Response", *(last.response.splitlines() or ["none"]))


def _advice(destination: str, opened: Opened, usage: Usage | None) -> Iterator[str]:
    commands, about = "relay dead-letters", f"{opened.id} --destination {destination}"
    if opened.letter.reason == "unconfirmed":
        yield from _doubt(opened)
        of = (
            ""
            if usage is None
            else f" --user {quote(usage.user)} --feature {quote(usage.feature)}"
        )
        yield f"compare:       relay reconcile {destination}{of}"
        yield f"was recorded:  {commands} discard {about} --delivered"
        yield f"was not:       {commands} replay {about}"
        return
    yield f"write its event: {commands} show {about} --event > mended.json"
    yield f"mend its event:  {commands} edit {about} --file mended.json"
    yield f"send it again:   {commands} replay {about}"
    yield f"let go of it:    {commands} discard {about}"


def _of(usage: Usage | None) -> str:
    return f" --user {quote(usage.user)} --feature {quote(usage.feature)}" if usage else ""


def _doubt(opened: Opened) -> Iterator[str]:
    """What is known of a call of which nobody can tell whether it was recorded."""
    last = opened.delivery.attempts[-1] if opened.delivery.attempts else None
    if last is not None and last.request:
        ended = f"it ended after {last.took / 1000:.3f} s: {last.error}"
        yield f"It went out at {instant(last.at)} and {ended}."
    else:
        until = instant(opened.letter.buried_at)
        yield f"It was marked as being sent some time before {until}: {opened.letter.message}."
    yield "Whether it was recorded cannot be told from here. It is not sent again on its own."


def _pretty(event: bytes) -> str:
    return pretty(event).decode(errors="replace").removesuffix("\n")
