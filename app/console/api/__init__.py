"""What machines ask the console: the JSON API, and the metrics."""
