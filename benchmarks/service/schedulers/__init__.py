"""What the service is compared with: servers with its `POST /generate/stream` that differ in who waits for whom.

Each is started as `bentoml serve benchmarks.service.schedulers.NAME:SERVICE` and reads the server's own environment.
"""
