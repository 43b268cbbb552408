"""The Celery application. Its configuration is read when it is first needed, not at import."""

from functools import cache
from typing import Any

from celery import Celery, signals
from celery.utils.log import get_multiprocessing_logger
from kombu import Queue
from sentry_sdk.integrations.celery import CeleryIntegration

from app import broker, telemetry
from app.destinations import ACCOUNTS
from app.pump import LINGER_S, SLICE_S
from app.settings import LONGEST_DEADLINE, Settings, load_or_exit
from app.wake import TRANSPORT_OPTIONS, queue_name

celery = Celery("relay", include=["workers.tasks", "workers.presence"])


@cache
def settings() -> Settings:
    """The settings of this process."""
    return load_or_exit(ACCOUNTS)


def queues() -> list[str]:
    """The queues of all destinations; several destinations may share one."""
    return sorted({queue_name(account.queue) for account in settings().destinations.values()})


def hard_limit_s() -> float:
    """When a pump is killed: three times as long as one may work, for it stands still then.

    It is fixed when a worker starts, so it holds for every deadline that may be written later.
    """
    return 3 * (SLICE_S + LINGER_S + LONGEST_DEADLINE.total_seconds())


def configuration() -> dict[str, Any]:
    """How Celery is set: wakes are worthless, so nothing is kept, repeated or reported."""
    broker.install()
    return {
        "broker_url": settings().broker_url.get_secret_value(),
        "broker_transport_options": TRANSPORT_OPTIONS,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_acquire_timeout": 5,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [Queue(name) for name in queues()],
        "task_acks_late": False,
        "task_time_limit": hard_limit_s(),
        "worker_consumer": "workers.consumer:EagerConsumer",
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_max_tasks_per_child": 5_000,
        "worker_max_memory_per_child": 400_000,
        "worker_soft_shutdown_timeout": 25,
        "beat_scheduler": "workers.beat:TickScheduler",
    }


celery.add_defaults(configuration)


@signals.celeryd_init.connect
@signals.setup_logging.connect
def _configure_logs(**_: object) -> None:
    """Celery leaves logging alone when someone listens to the second; a worker warns before it."""
    _configure_once()


@cache
def _configure_once() -> None:
    # A wake carries nothing: no traces either. The tick is no schedule that Sentry could watch.
    celerys = CeleryIntegration(propagate_traces=False, monitor_beat_tasks=False)
    telemetry.configure(settings(), [celerys])
    get_multiprocessing_logger().propagate = True  # else what it says of dead children is no JSON
