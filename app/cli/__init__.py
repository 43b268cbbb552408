"""The command `relay`. Exit codes: 0 done, 1 failed, 2 wrong use, 3 not reachable."""

import logging
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import structlog
import typer

from app.cli.config import Config, settings
from app.cli.dead_letters import dead_letters
from app.cli.exits import DONE, WRONG_USE, leave
from app.cli.groups import actions, destinations, flags, replays, retries
from app.cli.mapping import rules, unmapped

INGEST_URL = "http://127.0.0.1:8000"

relay = typer.Typer(
    name="relay",
    help="Usage Relay: takes Segment events and delivers them as usage.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

relay.add_typer(destinations)
relay.add_typer(retries)
relay.add_typer(flags)
relay.add_typer(rules)
relay.add_typer(unmapped)
relay.add_typer(dead_letters)
relay.add_typer(replays)
relay.add_typer(actions)

Port = Annotated[int, typer.Option(min=1, max=65535)]


def _http_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"expected http://... or https://...; found {url}")
    return url.rstrip("/")


IngestUrl = Annotated[str, typer.Option("--url", callback=_http_url, help="Where ingest listens.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    _log_beside_the_result()
    relay()


def _log_beside_the_result() -> None:
    """Standard output is the command's; who gave it needs no line that says it was done."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _print_version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if asked:
        sys.stdout.write(f"usage-relay {version('usage-relay')}\n")
        raise typer.Exit(DONE)


@relay.callback()
def _relay(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
) -> None: ...


@relay.command()
def dev(
    *,
    ingest_port: Port = 8000,
    console_port: Port = 8001,
    sandbox_port: Port = 8002,
    store_port: Port = 8003,
    data_dir: Annotated[Path, typer.Option(help="Keeps its data between runs.")] = Path(".relay"),
    workers: Annotated[int, typer.Option(min=1, help="Processes of the Celery worker.")] = 4,
) -> None:
    """Start everything on this machine, with a pretend Kable and Kana to deliver to.

    With RELAY_STORE_URL set it starts no store of its own. Ctrl-C ends everything.

    Example: relay dev --ingest-port 9000 --data-dir /tmp/relay
    """
    from app.dev import Options, run

    options = Options(
        ingest_port=ingest_port,
        console_port=console_port,
        sandbox_port=sandbox_port,
        store_port=store_port,
        folder=data_dir.absolute(),
        workers=workers,
    )
    raise typer.Exit(run(options))


@relay.command()
def check(*, config: Config = None, as_json: AsJson = False) -> None:
    """Check configuration, store, broker and the credentials of every destination.

    Example: relay check --config /etc/relay.toml
    """
    from app.cli.check import run

    raise typer.Exit(run(config, as_json=as_json))


@relay.command()
def status(
    *,
    wait: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Wait until a delivery can flow."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=0, max=400, help="Also the ledger of the newest days (UTC).")
    ] = 0,
    url: IngestUrl = INGEST_URL,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what every destination holds, and what became of the events of every source.

    \b
    State of a destination:
      delivering  its deliveries flow, or it has none
      throttled   held until a moment: its rate is used up, or it asked for less
      broken      it fails: held, then tried by one pump, until it takes something
      paused      nothing is sent until an operator resumes it
      unattended  no worker consumes its queue
      orphaned    the settings name it no more, and the store has deliveries for it

    \b
    Exit codes:
      0  a delivery can flow: store and ingest answer, every queue has a worker,
         beat ticks, no destination is paused, broken or throttled for more than a minute
      1  one of these is not so, or the configuration is refused
      2  wrong use
      3  store or ingest do not answer

    A worker or beat that is frozen or killed shows after about 30 seconds.

    Example: relay status --wait 30
    """  # noqa: D301 - Click keeps the lines of a block that begins with this backspace
    from app.cli.status import run

    raise typer.Exit(run(settings(config), url, wait or 0, days, as_json=as_json))


@relay.command()
def trace(
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="Of the event.")],
    *,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Its userId, else anonymousId; spares most of the search.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show where the deliveries of an event are, and what happened to them.

    \b
    Place of a delivery:
      waiting   in the log, not yet sent
      retrying  failed and due later, or behind an earlier event of its user
      dead      a dead letter
      unmapped  no rule says what it means for the destination
      finished  delivered, skipped or discarded; the newest tell when

    \b
    Exit codes:
      0  it was accepted
      1  it was never accepted, or is finished for longer than dedupe_window
      2  wrong use
      3  the store does not answer

    Example: relay trace 9f6d5a4e-0001 --user customer-1
    """  # noqa: D301 - Click keeps the lines of a block that begins with this backspace
    from app.cli.trace import run
    from app.trace import Wanted

    raise typer.Exit(run(settings(config), Wanted(message_id, source, user), as_json=as_json))


Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", show_default=False)
]


@relay.command()
def reconcile(
    destination: Annotated[str | None, typer.Argument(help="Default: all.")] = None,
    *,
    since: Day = None,
    until: Day = None,
    user: Annotated[str | None, typer.Option(help="Only this user's or customer's.")] = None,
    feature: Annotated[str | None, typer.Option(help="With --user: of this feature.")] = None,
    unconfirmed: Annotated[bool, typer.Option("--unconfirmed", help="Only these.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was delivered with what the destinations themselves count.

    \b
    Kable  by day, from --since to --until (default: the last seven days); with
           --user only Kable's own count of that clientId
    Kana   its count beside all usage that is unconfirmed; with --user and
           --feature its count of that user and feature

    \b
    Exit codes:
      0  nothing differs, nothing is unconfirmed
      1  something differs or is unconfirmed, or a destination gave no count
      2  wrong use
      3  the store or a destination does not answer

    Example: relay reconcile kable --since 2026-05-01 --until 2026-05-31
    """  # noqa: D301 - Click keeps the lines of a block that begins with this backspace
    from app.cli.reconcile import Wish, run

    wish = Wish(destination, since, until, user, feature, unconfirmed=unconfirmed)
    raise typer.Exit(run(settings(config), wish, as_json=as_json))


@relay.command()
def send(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.ndjson", help="One Segment event per line; - reads standard input."
        ),
    ],
    *,
    url: IngestUrl = INGEST_URL,
    write_key: Annotated[
        str | None,
        typer.Option(help="Default: that of the only source in the configuration."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="At most so many events per second.")
    ] = None,
    config: Config = None,
) -> None:
    """Send events from a file; after an interruption, run the same command again.

    Repeats are not taken twice within dedupe_window of a destination (at least a day). A run that
    is repeated later counts anew.

    An event without messageId gets one from its line, so that it is the same in every run. If it
    has no timestamp either, an equal line of another file counts as a repeat of it.

    Live events are delivered first; these get what they leave, at least a quarter.

    The answer 200 does not mean that every event was good: `relay status` shows what was refused.

    Example: relay send usage.ndjson --rate 500
    """
    from app.cli.send import run, sole_write_key

    if file.is_dir():
        leave(f"{file} is a folder; expected a file with one Segment event per line", WRONG_USE)
    if file != Path("-") and not file.exists():
        leave(f"there is no file {file}; expected one Segment event per line", WRONG_USE)
    key = write_key or sole_write_key(settings(config))
    raise typer.Exit(run(file, url, key, rate))
