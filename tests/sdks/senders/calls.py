"""Sends calls of every type with a Python SDK: MODULE ADDRESS COUNT."""

import sys
from importlib import import_module

module, address, count = sys.argv[1:]
failed: list[object] = []
client = import_module(module).Client(
    "dev", host=address, on_error=lambda error, _batch: failed.append(error)
)

CALLS = [
    lambda user: client.identify(user, {"plan": "pro"}),
    lambda user: client.track(user, "API Called", {"calls": 3}),
    lambda user: client.page(user, "Guide", "Start"),
    lambda user: client.screen(user, "App", "Home"),
    lambda user: client.group(user, "team-1", {"plan": "pro"}),
    lambda user: client.alias(f"former-{user}", user),
]

for number in range(int(count)):
    CALLS[number % len(CALLS)](f"user-{number}")
client.shutdown()
sys.exit(str(failed) if failed else 0)
