"""How far a job is, in BentoML's words."""

from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(slots=True)
class Progress:
    total: int = 0  # samples
    done: int = 0
    failed: int = 0
    passages: int = 0  # a sample is synthesized in passages of up to half a minute
    passages_done: int = 0
    audio_seconds: float = 0.0

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class JobStatus:
    id: str
    state: State
    created: float  # seconds since the epoch
    begun: float | None
    progress: Progress
    digest: str  # of what was asked for
    error: str | None = None  # why it failed

    @property
    def over(self) -> bool:
        return self.state not in (State.PENDING, State.IN_PROGRESS)

    def as_json(self) -> dict[str, Any]:
        return {
            "task_id": self.id,
            "status": self.state.value,
            "created_at": _iso(self.created),
            "executed_at": self.begun and _iso(self.begun),
            "progress": asdict(self.progress),
            **({"error": self.error} if self.error else {}),
        }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
