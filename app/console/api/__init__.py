"""What machines ask the console: the JSON API, a module for each kind of thing; the metrics."""

from app.console.api.application import api

__all__ = ["api"]
