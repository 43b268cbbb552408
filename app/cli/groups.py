"""`relay destinations`, `retries`, `replays`, `flags`, `actions`: what operators do."""

from typing import Annotated

import typer

from app.cli.config import Config, settings
from app.cli.group import group
from app.cli.who import Who

destinations = group(
    "destinations", "List destinations, pause one, resume it, look at its dry run."
)
retries = group("retries", "Look at what waits to be tried again.")
replays = group("replays", "Look at replays of dead letters, cancel one.")
flags = group("flags", "List what has to be done at a destination by hand, and say that it was.")
actions = group("actions", "Look at what operators did.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DestinationId = Annotated[str, typer.Argument(metavar="ID", help="The destination.")]
ReplayId = Annotated[str, typer.Argument(metavar="REPLAY", help="An id that `list` shows.")]
OneOf = Annotated[str | None, typer.Option(metavar="ID", help="Default: the only one.")]
AnyOf = Annotated[
    str | None, typer.Option("--destination", metavar="ID", help="Default: all of them.")
]
Limit = Annotated[int, typer.Option(min=1, max=500)]
Cursor = Annotated[str | None, typer.Option(help="Go on where a page ended: its next_cursor.")]


@destinations.command("list")
def list_destinations(*, config: Config = None, as_json: AsJson = False) -> None:
    """List all destinations with their states, the orphaned ones too.

    Example: relay destinations list --json
    """
    from app.cli.destinations import list_all

    raise typer.Exit(list_all(settings(config), as_json=as_json))


@destinations.command()
def pause(
    destination: DestinationId,
    *,
    reason: Annotated[str, typer.Option(help="Others read it in `relay status`.")] = "",
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing to a destination until it is resumed; its events wait in order.

    What is under way may still arrive. To pause it once more changes only the reason.

    Example: relay destinations pause kable --reason "they move their servers"
    """
    from app.cli.destinations import pause as run

    raise typer.Exit(run(settings(config), destination, reason, who, as_json=as_json))


@destinations.command()
def resume(
    destination: DestinationId, *, who: Who = None, config: Config = None, as_json: AsJson = False
) -> None:
    """End a pause, whoever made it: an operator, or the relay after refusals.

    What the relay had paused is asked with a harmless call first.

    Example: relay destinations resume kable
    """
    from app.cli.destinations import resume as run

    raise typer.Exit(run(settings(config), destination, who, as_json=as_json))


@destinations.command("shown")
def list_shown(
    destination: DestinationId, *, config: Config = None, as_json: AsJson = False
) -> None:
    """List what a dry run would have sent to a destination, the newest 100, the newest first.

    With --json each has the request that it would have been, alone and without credentials.

    Example: relay destinations shown kable --json
    """
    from app.cli.shown import list_newest

    raise typer.Exit(list_newest(settings(config), destination, as_json=as_json))


@actions.command("list")
def list_actions(
    *,
    destination: AnyOf = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    cursor: Cursor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what operators did, the newest first: pauses, discards, edits, replays, rules, flags.

    The newest 1,000 of each destination are kept.

    Example: relay actions list --destination kable
    """
    from app.cli.actions import list_page

    raise typer.Exit(list_page(settings(config), destination, cursor, limit, as_json=as_json))


@retries.command("list")
def list_retries(
    *,
    destination: AnyOf = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what waits to be tried again, what is due first first.

    `behind` counts the later events of the same user that wait for it.

    Example: relay retries list --destination kana --limit 20
    """
    from app.cli.retries import list_page

    raise typer.Exit(list_page(settings(config), destination, cursor, limit, as_json=as_json))


@replays.command("list")
def list_replays(
    *,
    destination: Annotated[
        str | None, typer.Option("--destination", metavar="ID", help="Default: all of them.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List replays, the newest first: how far they are, and why one stands still.

    Example: relay replays list --destination kable
    """
    from app.cli.replays import list_all

    raise typer.Exit(list_all(settings(config), destination, as_json=as_json))


@replays.command("show")
def show_replay(replay: ReplayId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show one replay: what it covers, who began it, what came of it.

    Example: relay replays show 3f2a9c41d07b
    """
    from app.cli.replays import show_one

    raise typer.Exit(show_one(settings(config), replay, as_json=as_json))


@replays.command("cancel")
def cancel_replay(
    replay: ReplayId, *, who: Who = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Cancel a replay: the letters that it has not moved stay dead; the others go on.

    Example: relay replays cancel 3f2a9c41d07b
    """
    from app.cli.replays import cancel

    raise typer.Exit(cancel(settings(config), replay, who, as_json=as_json))


@flags.command("list")
def list_flags(
    *,
    destination: OneOf = None,
    user: Annotated[str | None, typer.Option(help="Only of this user.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what a destination's API cannot do and somebody does there by hand, the newest first.

    Example: relay flags list --destination kana --user customer-1
    """
    from app.cli.flags import list_page

    done = list_page(settings(config), destination, user, cursor, limit, as_json=as_json)
    raise typer.Exit(done)


@flags.command()
def resolve(
    flags: Annotated[list[str], typer.Argument(metavar="FLAG...", help="Their ids.")],
    *,
    destination: OneOf = None,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Say that somebody has done what flags ask for; a later event may raise them again.

    Example: relay flags resolve 5f1c0d7a9be24c66 --destination kana
    """
    from app.cli.flags import resolve as run

    raise typer.Exit(run(settings(config), destination, flags, who, as_json=as_json))
