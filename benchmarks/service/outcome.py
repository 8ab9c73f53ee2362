"""From what clients heard to figures: latencies, underruns, how many waited, throughput. Knows no server."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf

from benchmarks.service.clients import Heard
from benchmarks.service.player import play

LOOK_EVERY = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one open loop. Seconds; infinity where the request at that rank had not ended when the run did."""

    requests: int
    errors: int
    unfinished: int
    latency: tuple[float, float, float]  # median, 95th and 99th percentile
    first_audio: tuple[float, float, float]
    smooth: tuple[float, float, float]  # first audio and all gaps after it
    underrun: float  # share of the requests of which anything was heard that stalled at least once
    stalled: float  # seconds that they stalled, on average over those that did
    waiting_mean: float  # requests of which nothing had been heard yet
    waiting_most: int

    @classmethod
    def of(cls, heard: Sequence[Heard], length: float) -> "Outcome":
        """`length`: seconds that arrivals went on for; the waiting are counted as long as that."""
        plays = [play(record.chunks) for record in heard if record.chunks]
        stalls = [played.stalled for played in plays if played.underruns]
        depths = waiting(heard, length)
        return cls(
            requests=len(heard),
            errors=sum(record.error is not None for record in heard),
            unfinished=sum(record.ended is None for record in heard),
            latency=_ranks([inf if record.latency is None else record.latency for record in heard]),
            first_audio=_ranks([inf if record.first_audio is None else record.first_audio for record in heard]),
            smooth=_ranks([_smooth(record) for record in heard]),
            underrun=len(stalls) / len(plays) if plays else 0.0,
            stalled=sum(stalls) / len(stalls) if stalls else 0.0,
            waiting_mean=sum(depths) / len(depths) if depths else 0.0,
            waiting_most=max(depths, default=0),
        )


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed: always one that occurred, infinity too."""
    return sorted(values)[max(ceil(len(values) * percent / 100), 1) - 1]


def waiting(heard: Sequence[Heard], length: float) -> list[int]:
    """How many had asked and heard nothing, looked at every LOOK_EVERY seconds."""
    spans = [(record.due, _served(record)) for record in heard]
    ticks = [tick * LOOK_EVERY for tick in range(int(length / LOOK_EVERY))]
    return [sum(due <= at < served for due, served in spans) for at in ticks]


def throughput(heard: Sequence[Heard], clients: int) -> float:
    """Seconds of audio a second of a closed loop, while it was in full swing.

    From the answer that makes as many as there are clients to the last one: so what is under way at either end weighs
    alike, and answers that come in bursts (a batch at a time) are counted in whole bursts.
    """
    ends = sorted(record.ended for record in heard if record.ended is not None)
    first, last = ends[clients - 1], ends[-1]
    audio = sum(chunk.audio for record in heard for chunk in record.chunks if first < chunk.at <= last)
    return audio / (last - first)


def _ranks(values: Sequence[float]) -> tuple[float, float, float]:
    if not values:
        return inf, inf, inf
    return nearest_rank(values, 50), nearest_rank(values, 95), nearest_rank(values, 99)


def _smooth(record: Heard) -> float:
    """Seconds from due that a listener would have had to wait with playing so as to hear no gap."""
    if record.latency is None or record.first_audio is None:
        return inf
    return record.first_audio + play(record.chunks).stalled


def _served(record: Heard) -> float:
    if record.chunks:
        return record.chunks[0].at
    return inf if record.ended is None else record.ended
