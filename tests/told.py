"""A clock that is told the time."""


class Clock:
    """Stands still until a test moves it; ms since the epoch."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now
