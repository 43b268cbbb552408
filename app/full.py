"""Writes that a full store takes too: the few bytes that ask for what drains it."""

import redis

COMMAND = "#!lua flags=allow-oom\nreturn redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))\n"


def write(
    client: "redis.Redis | redis.client.Pipeline",
    command: str,
    key: str,
    *arguments: str | bytes | int,
) -> None:
    """Run a command that the store would refuse while it is over its maxmemory."""
    client.register_script(COMMAND)(keys=[key], args=[command, *arguments], client=client)
