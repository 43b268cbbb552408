"""A thread beside a block of code, for as long as the block lasts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(name: str, act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run `act` in a thread; the block's end sets its event, and waits until it has returned."""
    ends = threading.Event()
    thread = threading.Thread(target=act, args=(ends,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
