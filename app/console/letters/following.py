"""What becomes of a letter that is replayed, while one looks on."""

from dataclasses import dataclass

from nicegui import ui

from app.console.desk import Desk
from app.console.letters.shown import letter_path
from app.console.live import Live, Shared
from app.dead_letters import BuriedAgain, DeadLetters
from app.moving import told
from app.replays import Replay, Replays
from app.settings import DestinationSettings

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Fate:
    """The replay as it stands, and the letter that it has become again, if it has."""

    replay: Replay
    again: str = ""

    @property
    def is_known(self) -> bool:
        return self.replay.state != "running" and not self.replay.under_way

    @property
    def words(self) -> str:
        """What became of the one letter of the replay."""
        one = self.replay
        ends = {
            "Delivered.": one.delivered,
            "It is a dead letter again.": one.dead,
            "Skipped: the destination has no use for it.": one.skipped,
            "No rule says what it means: it is unmapped now.": one.unmapped,
        }
        if found := next((words for words, count in ends.items() if count), ""):
            return found
        if one.state == "cancelled":
            return "The replay was cancelled."
        moved = "It is under way" if one.replayed else "It waits for its turn"
        return f"{moved}: {one.standing}" if one.standing else f"{moved}."


async def follow(
    desk: Desk,
    shared: Shared,
    account: DestinationSettings,
    letter: str,
    begun: Replay,
    trace: str,
) -> None:
    """Show it here until it is known."""

    def read() -> Fate:
        now = Replays(desk.store, account).one(begun.id) or begun
        try:
            DeadLetters(desk.store, account).open(letter)
        except BuriedAgain as again:
            return Fate(now, again.now.id)
        return Fate(told(desk.store, now))

    def show(fate: Fate) -> None:
        ui.label(fate.words).classes("relay-sentence").props("role=status aria-live=polite")
        with ui.row().classes("relay-head"):
            if fate.again:
                ui.link("The letter as it is now", letter_path(account.id, fate.again))
            ui.link(f"Replay {begun.id}", f"/replays/{begun.id}")
            ui.link("Trace", trace)

    await Live(
        lambda: shared.of(("fate", letter, begun.id), read),
        show,
        lambda fate: None if fate.is_known else EVERY_S,
    ).begin()
