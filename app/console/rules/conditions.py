"""The rows of a form in which the conditions of a rule are typed."""

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from app.console.rules.typed import SORTS, Condition, condition, condition_field


class Conditions:
    """Properties and the values that they have to have; `changed` hears of every key."""

    def __init__(self, changed: Callable[[], Awaitable[None]]) -> None:
        self.typed: list[Condition] = []
        self._changed = changed
        self._values: list[ui.input] = []

    def make(self) -> None:
        with ui.column().classes("relay-part relay-conditions") as self._rows:
            pass
        ui.button("Add a condition", icon="add", on_click=self._one_more).props(
            "flat dense no-caps"
        )
        self._draw()

    def demand(self, path: str, value: str) -> None:
        """This value (JSON) at this path, beside what is typed for other paths."""
        rest = [one for one in self.typed if one.path != path and not one.empty]
        self.replace([*rest, condition(path, value)])

    def replace(self, typed: list[Condition]) -> None:
        self.typed = typed
        self._draw()

    def mark(self, faults: Mapping[str, str]) -> None:
        """Say at each condition what is wrong with it, or nothing."""
        for number, box in enumerate(self._values):
            box.error = faults.get(condition_field(number))

    def _draw(self) -> None:
        self._rows.clear()
        self._values = []
        with self._rows:
            for number, one in enumerate(self.typed):
                self._row(number, one)

    def _row(self, number: int, one: Condition) -> None:
        group = ui.element("div").classes("relay-condition")
        with group.props(f'role=group aria-label="Condition {number + 1}"'):
            path = ui.input("Property", value=one.path, placeholder="object.name")
            sort = ui.select(list(SORTS), value=one.sort, label="is the")
            value = ui.input("Value", value=one.value)
            ui.button(icon="close", on_click=lambda: self._without(number)).props(
                f'flat dense aria-label="Remove condition {number + 1}"'
            )
        self._values.append(value)

        async def changed() -> None:
            at, of = str(path.value or "").strip(), str(value.value or "")
            self.typed[number] = Condition(at, sort.value or "text", of)
            await self._changed()

        for box in (path, sort, value):
            box.props("dense outlined stack-label hide-bottom-space")
            box.on_value_change(changed)

    def _one_more(self) -> None:
        self.replace([*self.typed, Condition()])

    async def _without(self, number: int) -> None:
        self.replace([one for at, one in enumerate(self.typed) if at != number])
        await self._changed()
