"""What operators see of a request: its line in the log, its part of the metrics. Never its text."""
