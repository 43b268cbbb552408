"""What each source has sent, and what came of it: a table that changes while it is looked at."""

from typing import Final

from nicegui import ui

from app.console.overview.cards import flow_words
from app.console.watch import Look
from app.console.widgets import Row, address, table, whole
from app.counters import Tally

COLUMNS: Final = ("source", "accepted", "a_second", "refused", "repeats", "unrouted", "by_code")
CODES: Final = """
<q-td :props="props"><template v-for="one in props.row.codes" :key="one.code">
<a :href="one.address" class="relay-code-link">{{ one.code }} {{ one.count }}</a>
</template></q-td>
"""


class SourcesTable:
    """Changes where something has."""

    def __init__(self) -> None:
        ui.label("Sources").classes("relay-section").props("role=heading aria-level=2")
        self._table = table(COLUMNS, [], links={"refused": "rejections"})
        self._table.add_slot("body-cell-by_code", CODES)
        self._table.props('no-data-label="The settings name no source that the store knows."')

    def show(self, look: Look, earlier: Look | None) -> None:
        found = [dict(row) for row in rows(look, earlier)]
        if found != self._table.rows:
            self._table.rows = found


def rows(look: Look, earlier: Look | None) -> list[Row]:
    """A row for each source, in the order of the settings. Pure."""
    return [
        _row(source, tally, _accepted_a_second(look, earlier, source))
        for source, tally in look.tallies.items()
    ]


def _row(source: str, tally: Tally, flow: float | None) -> Row:
    return {
        "id": source,
        "source": source,
        "accepted": whole(tally.accepted),
        "a_second": flow_words(flow),
        "refused": whole(sum(tally.refused.values())),
        "rejections": address("/rejections", source=source),
        "repeats": whole(tally.deduplicated),
        "unrouted": whole(tally.unrouted),
        "codes": [
            {
                "code": code,
                "count": whole(count),
                "address": address("/rejections", source=source, code=code),
            }
            for code, count in tally.refused.items()
        ],
    }


def _accepted_a_second(look: Look, earlier: Look | None, source: str) -> float | None:
    if earlier is None or source not in earlier.tallies or look.at <= earlier.at:
        return None
    change = look.tallies[source].accepted - earlier.tallies[source].accepted
    return max(0, change) / ((look.at - earlier.at) / 1000)
