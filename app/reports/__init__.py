"""Error reports: what goes to Sentry when it is configured, and what never does.

Everything passes through `scrubbed`, which keeps what it knows and nothing else, and a ration, so
that a fault that repeats itself is one report in a while.
"""

from app.reports.lines import ReportHandler
from app.reports.sending import Application, begin, watched

__all__ = ["Application", "ReportHandler", "begin", "watched"]
