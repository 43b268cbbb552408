"""`relay dead-letters`: what an operator does with deliveries that could not be delivered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli.config import Config, settings
from app.cli.group import group
from app.cli.who import Who

dead_letters = group(
    "dead-letters", "Look at what could not be delivered, mend it, replay it or let go of it."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DestinationId = Annotated[
    str | None, typer.Option("--destination", metavar="ID", help="Default: all of them.")
]
Reason = Annotated[str | None, typer.Option(help="rejected, exhausted, unconfirmed, ...")]
GroupId = Annotated[str | None, typer.Option("--group", help="A group that `groups` lists.")]
EventName = Annotated[str | None, typer.Option("--event", help="The event's name, or its type.")]
User = Annotated[str | None, typer.Option(help="userId, or anonymousId of who has none.")]
MessageId = Annotated[str | None, typer.Option(help="Of the event; finds its parts as well.")]
Since = Annotated[
    str | None, typer.Option(metavar="MOMENT", help="Buried then or later: 2026-05-01T09:30Z.")
]
Until = Annotated[str | None, typer.Option(metavar="MOMENT", help="Buried before that.")]
LetterId = Annotated[str, typer.Argument(metavar="LETTER", help="An id that `list` shows.")]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The filter as it was written, and of which destination."""

    destination: str | None
    reason: str | None = None
    group: str | None = None
    event: str | None = None
    user: str | None = None
    message_id: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def fields(self) -> dict[str, object]:
        """The JSON of the filter."""
        names = [name for name in self.__slots__ if name != "destination"]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dead_letters.command("list")
def list_(
    *,
    destination: DestinationId = None,
    reason: Reason = None,
    group: GroupId = None,
    event: EventName = None,
    user: User = None,
    message_id: MessageId = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="Go on where a page ended: its next_cursor.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first.

    A search by two things looks at some thousand letters at a time: go on with --cursor
    even when a page is empty.

    Example: relay dead-letters list --reason rejected --since 2026-05-01
    """
    from app.cli.letters import list_letters

    chosen = Chosen(destination, reason, group, event, user, message_id, since, until)
    raise typer.Exit(list_letters(settings(config), chosen, cursor, limit, as_json=as_json))


@dead_letters.command()
def groups(
    *,
    destination: DestinationId = None,
    reason: Reason = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what failed alike, with counts; the group with the newest letter first.

    Example: relay dead-letters groups --destination kable
    """
    from app.cli.letters import list_groups

    raise typer.Exit(list_groups(settings(config), destination, reason, as_json=as_json))


@dead_letters.command()
def show(
    letter: LetterId,
    *,
    destination: DestinationId = None,
    event: Annotated[
        bool, typer.Option("--event", help="Print its event alone, to be mended for `edit`.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show one letter: every attempt, what you sent, the last request and its response.

    Example: relay dead-letters show 3-1767225600000-0.hefg8dts00
    """
    from app.cli.letters import show_event, show_letter

    if event:
        raise typer.Exit(show_event(settings(config), destination, letter))
    raise typer.Exit(show_letter(settings(config), destination, letter, as_json=as_json))


@dead_letters.command()
def edit(
    letter: LetterId,
    *,
    file: Annotated[
        Path, typer.Option(help="The new event, one JSON object; - reads standard input.")
    ] = Path("-"),
    destination: DestinationId = None,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give a letter another event: the same messageId, a type that the destination accepts.

    It keeps its timestamp, originalTimestamp, sentAt and receivedAt where the new event has none.
    `show LETTER --event` writes the event as it is.

    Nothing is sent until you replay it. The first event stays beside the new one until the
    delivery is finished.

    Example: relay dead-letters edit 3-1767225600000-0.hefg8dts00 --file mended.json
    """
    from app.cli.letters_changed import edit_letter

    raise typer.Exit(
        edit_letter(settings(config), destination, letter, file, who, as_json=as_json)
    )


@dead_letters.command()
def discard(
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="LETTER", help="Ids; else give a filter.")
    ] = None,
    *,
    destination: Annotated[
        str | None,
        typer.Option("--destination", metavar="ID", help="With a filter: of which destination."),
    ] = None,
    reason: Reason = None,
    group: GroupId = None,
    event: EventName = None,
    user: User = None,
    message_id: MessageId = None,
    since: Since = None,
    until: Until = None,
    delivered: Annotated[
        bool, typer.Option("--delivered", help="Count them as delivered: they were recorded.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let go of letters for good: by their ids, or all that match a filter.

    Example: relay dead-letters discard --destination kable --group 5da9ce0a85cb --dry-run
    """
    from app.cli.letters_changed import Discarding, discard_letters

    chosen = Chosen(destination, reason, group, event, user, message_id, since, until)
    wish = Discarding(
        tuple(letters or ()),
        chosen,
        "delivered" if delivered else "discarded",
        dry_run=dry_run,
        yes=yes,
        who=who,
    )
    raise typer.Exit(discard_letters(settings(config), wish, as_json=as_json))


@dead_letters.command()
def replay(
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="[LETTER]...", help="Ids; else give a filter.")
    ] = None,
    *,
    destination: Annotated[
        str | None,
        typer.Option("--destination", metavar="ID", help="Alone: all of its letters."),
    ] = None,
    reason: Reason = None,
    group: GroupId = None,
    event: EventName = None,
    user: User = None,
    message_id: MessageId = None,
    since: Since = None,
    until: Until = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1, max=500, help="Letters a second; default: half of the destination's, else 100."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how many, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it has ended; 1 when letters came back dead.")
    ] = False,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send letters again: by their ids, all that match a filter, or all of a destination.

    They go through transform again, with the id that they had. What is unconfirmed stays, unless
    you give its id or --reason unconfirmed: it may be billed twice. A destination has one replay
    at a time; the beat moves it, and it stands still while the destination is paused or held.

    Example: relay dead-letters replay --destination kable --group 5da9ce0a85cb --rate 50 --wait
    """
    from app.cli.replaying import Replaying, replay_letters

    chosen = Chosen(destination, reason, group, event, user, message_id, since, until)
    wish = Replaying(
        tuple(letters or ()), chosen, rate, dry_run=dry_run, yes=yes, wait=wait, who=who
    )
    raise typer.Exit(replay_letters(settings(config), wish, as_json=as_json))


@dead_letters.command()
def export(
    *,
    output: Annotated[Path, typer.Option(help="- writes to standard output.")] = Path("-"),
    destination: DestinationId = None,
    reason: Reason = None,
    group: GroupId = None,
    event: EventName = None,
    user: User = None,
    message_id: MessageId = None,
    since: Since = None,
    until: Until = None,
    config: Config = None,
) -> None:
    """Write letters and their events as NDJSON, one a line, the oldest first.

    Example: relay dead-letters export --reason rejected --output rejected.ndjson
    """
    from app.cli.letters import export_letters

    chosen = Chosen(destination, reason, group, event, user, message_id, since, until)
    raise typer.Exit(export_letters(settings(config), chosen, output))
