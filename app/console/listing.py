"""A table of rows that came from outside: text alone, links of our own, on a phone a card each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from nicegui import ui

from app.console.widgets import Row

BODY: Final = """\
<q-tr :props="props">
  <q-td v-if="props.row.chosen !== undefined" auto-width class="relay-choose">
    <q-checkbox dense v-model="props.selected" :aria-label="'Choose ' + props.row.id" />
  </q-td>
  <q-td v-for="col in props.cols" :key="col.name" :props="props" :data-label="col.label"
    :class="'relay-cell-' + col.kind">
    <a v-if="col.link && props.row[col.link]" :href="props.row[col.link]">{{ col.value }}</a>
    <svg v-else-if="col.kind === 'trend' && col.value" class="relay-trend" role="img"
      viewBox="0 0 96 24" :aria-label="props.row.lately">
      <title>{{ props.row.lately }}</title><path :d="col.value" />
    </svg>
    <span v-else-if="col.kind === 'word'" class="relay-word" :data-word="col.value">
      {{ col.value }}
    </span>
    <span v-else>{{ col.value }}</span>
  </q-td>
</q-tr>
"""

ALL: Final = '<q-checkbox dense left-label v-model="props.selected" label="All" />'


@dataclass(frozen=True, slots=True)
class Column:
    """A column shows the field of its name; `link` is the field with the address behind it."""

    name: str
    label: str
    kind: Literal["text", "wide", "short", "number", "moment", "word", "trend"] = "text"
    link: str = ""


def listing(
    columns: Sequence[Column],
    rows: Sequence[Row],
    choose: Callable[[Sequence[str]], None] | None = None,
) -> ui.table:
    """A table; where rows can be chosen, `choose` hears the ids of those that are."""
    chosen = {} if choose is None else {"chosen": False}
    made = ui.table(
        columns=[_column(one) for one in columns],
        rows=[{**row, **chosen} for row in rows],
        row_key="id",
        selection=None if choose is None else "multiple",
        on_select=lambda event: choose and choose([str(one["id"]) for one in event.selection]),
    ).classes("relay-table relay-listing")
    made.props('flat dense wrap-cells :pagination="{rowsPerPage: 0}" hide-pagination')
    made.add_slot("body", BODY)
    made.add_slot("header-selection", ALL)
    return made


def _column(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "label": column.label,
        "field": column.name,
        "kind": column.kind,
        "link": column.link,
        "align": "right" if column.kind == "number" else "left",
    }
