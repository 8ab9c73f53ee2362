"""Three servers of one interface, `POST /generate/stream`, that differ in who waits for whom.

Each is started as `bentoml serve benchmarks.schedulers.NAME:SERVICE` and reads the server's own environment variables.
"""
