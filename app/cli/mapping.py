"""`relay rules` and `relay unmapped`: what events mean that name no feature themselves."""

from typing import Annotated

import typer

from app.cli.config import Config, settings
from app.cli.group import group
from app.cli.who import Who

rules = group("rules", "Say which feature an event stands for that names none itself.")
unmapped = group("unmapped", "Look at what no rule maps yet.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DestinationId = Annotated[
    str | None, typer.Option("--destination", metavar="ID", help="Default: the only one.")
]
Event = Annotated[str | None, typer.Option(help="The name that the event has to have.")]
Properties = Annotated[
    list[str] | None,
    typer.Option(
        "--property",
        metavar="PATH=VALUE",
        help="A value that its properties have to have; VALUE is JSON, or else a text.",
    ),
]


@rules.command("list")
def list_rules(
    *, destination: DestinationId = None, config: Config = None, as_json: AsJson = False
) -> None:
    """List all rules, those of the configuration too, and how far the newest has come.

    Example: relay rules list --json
    """
    from app.cli.rules import list_all

    raise typer.Exit(list_all(settings(config), destination, as_json=as_json))


@rules.command()
def add(
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="The feature's id.")],
    *,
    event: Event = None,
    properties: Properties = None,
    name: Annotated[str | None, typer.Option(help="Default: its id.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Default: one is made.")] = None,
    destination: DestinationId = None,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a rule: an event that meets every condition is one usage of the feature.

    It holds from the next events on, and reaches what is unmapped in the background.

    Example: relay rules add reports --event "Report Exported" --property format=pdf
    """
    from app.cli.rules import Wish
    from app.cli.rules import add as run

    wish = Wish(feature, event, tuple(properties or ()), name, id_)
    raise typer.Exit(run(settings(config), destination, wish, who, as_json=as_json))


@rules.command()
def remove(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="An id that `list` shows.")],
    *,
    destination: DestinationId = None,
    who: Who = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Forget a rule. What it has matched stays as it is.

    Example: relay rules remove 5f1c2e9a
    """
    from app.cli.rules import remove as run

    raise typer.Exit(run(settings(config), destination, rule, who, as_json=as_json))


@rules.command("test")
def try_out(
    *,
    event: Event = None,
    properties: Properties = None,
    destination: DestinationId = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a rule would match among the newest unmapped events, and change nothing.

    Example: relay rules test --event "Report Exported" --property format=pdf
    """
    from app.cli.rules import Wish
    from app.cli.rules import try_out as run

    wish = Wish("test", event, tuple(properties or ()), None, "test")
    raise typer.Exit(run(settings(config), destination, wish, as_json=as_json))


@unmapped.command("list")
def list_unmapped(
    *,
    destination: DestinationId = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="Go on where a page ended: its next_cursor.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List what is unmapped, the newest first.

    Example: relay unmapped list --limit 20 --json
    """
    from app.cli.unmapped import list_page

    raise typer.Exit(list_page(settings(config), destination, cursor, limit, as_json=as_json))


@unmapped.command()
def groups(
    *, destination: DestinationId = None, config: Config = None, as_json: AsJson = False
) -> None:
    """Count what is unmapped by event name, and by the values of its properties.

    Example: relay unmapped groups
    """
    from app.cli.unmapped import groups as run

    raise typer.Exit(run(settings(config), destination, as_json=as_json))
