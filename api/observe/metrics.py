"""The public service's numbers for Prometheus, and `/metrics`: these and the runners' together.

Each process writes its numbers to files of its own in PROMETHEUS_MULTIPROC_DIR, which BentoML makes anew when the
server starts. A scrape adds them up. What a process that is gone has counted stays counted; what it held at the
moment (live slots, memory) went with it.
"""

import os
import re
from pathlib import Path
from typing import Final

import psutil
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.responses import Response

DURATION: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
GAUGES: Final = re.compile(r"gauge_live.*_(?P<pid>\d+)\.db")
OK: Final = "ok"


class ServiceMetrics:
    """Its label values are few, whatever callers send: routes' templates, known methods, types of errors."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.requests = Counter(
            "xtts_requests_total",
            "Requests that are over, by route and outcome: ok, or the type of the error.",
            ["method", "route", "outcome"],
            registry=registry,
        )
        self.duration = Histogram(
            "xtts_request_duration_seconds",
            "From a request's first byte to its answer's last.",
            ["method", "route"],
            registry=registry,
            buckets=DURATION,
        )
        self.in_progress = Gauge(
            "xtts_requests_in_progress", "Requests not over yet.", registry=registry, multiprocess_mode="livesum"
        )

    def over(self, method: str, route: str, outcome: str, seconds: float) -> None:
        self.requests.labels(method, route, outcome).inc()
        self.duration.labels(method, route).observe(seconds)


def unfinished_jobs() -> Gauge:
    """Every server that shares the jobs sees them all, so the most that one sees is how many there are."""
    text = "Long jobs that are not over, on all servers that share them."
    return Gauge("xtts_unfinished_jobs", text, registry=CollectorRegistry(), multiprocess_mode="livemax")


def exposition(folder: Path) -> bytes:
    """Everything in Prometheus' text format, as the processes' files in `folder` have it."""
    forget_the_dead(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def forget_the_dead(folder: Path) -> None:
    """Take away what processes that are no more held at their last moment. They may have had no time to do it."""
    for file in folder.glob("gauge_live*.db"):
        if (named := GAUGES.fullmatch(file.name)) and not psutil.pid_exists(int(named["pid"])):
            mark_process_dead(int(named["pid"]), str(folder))  # type: ignore[no-untyped-call]


router = APIRouter()


@router.get("/metrics", tags=["Operation"], response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics() -> Response:
    """For Prometheus."""
    return Response(exposition(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])), media_type=CONTENT_TYPE_LATEST)
