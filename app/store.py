"""Connections to the store, with time-outs and retries spelled out.

Every script is safe to run twice, so the synchronous client repeats one whose answer got lost;
the asynchronous client does not, for ingest decides that itself.
"""

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0
HEALTH_CHECK_S = 15


def connect(url: str) -> redis.Redis:
    """A client that repeats a command when the connection breaks, for about two seconds.

    A store that is connected and silent is given up after one time-out.
    """
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), 6, (redis.ConnectionError,)),
        client_name="usage-relay",
    )


def is_the_stores(fault: redis.RedisError) -> bool:
    """Whether the store could not, rather than a script or a call of ours being wrong.

    It is away or silent, full, fails over, lacks replicas or cannot write. The client has classes
    of its own for some of that, and gives the code that the store says first for the others.
    """
    if isinstance(fault, redis.DataError):
        return False
    code, _, _ = str(fault).partition(" ")
    said = code.isalpha() and code.isupper() and code != "WRONGTYPE"
    return said or type(fault) is not redis.ResponseError


def connect_async(url: str) -> redis.asyncio.Redis:
    """A client that repeats nothing."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK_S,
        retry=AsyncRetry(NoBackoff(), 0),
        client_name="usage-relay-ingest",
    )
