"""The engine benchmark without engines: who is asked what, in which order, and what the table makes of the answers."""

from dataclasses import dataclass, field

import pytest

from benchmarks.engine.measures import Job, Profile, Take
from benchmarks.engine.report import COLUMNS, memory, plot, report, table
from benchmarks.engine.turns import Plan, check_length, measure
from benchmarks.xtts import CODE_SECONDS
from tests.benchmarks.machine import MACHINE

PLAN = Plan(codes=100, repeats=3, concurrencies=(1, 4))


@dataclass
class Fake:
    """Says every text in so many seconds, and slows down as the machine does."""

    name: str
    seconds: float
    diary: list[tuple[str, str, int]] = field(default_factory=list)  # shared by all
    slower: float = 1.0  # by this factor from one take to the next
    codes: int = PLAN.codes
    jobs: list[Job] = field(default_factory=list)

    def ask(self, method: str, job: Job | None = None) -> object:
        if job is None:
            return 3_000_000_000
        self.diary.append((self.name, method, len(job.texts)))
        if method == "first_chunk":
            return 0.5
        self.jobs.append(job)
        count, seconds = len(job.texts), self.seconds
        if count == 1:
            self.seconds *= self.slower
        profile = Profile(seconds, 0.1, 0.05, 400_000_000, seconds / 4) if job.profile else None
        return Take(seconds, count * self.codes * CODE_SECONDS, (0.25,) * count, 2_000_000_000 + count, profile)


def fakes(**changes: object) -> tuple[Fake, Fake]:
    diary: list[tuple[str, str, int]] = []
    return Fake("upstream", 10.0, diary, **changes), Fake("ours", 5.0, diary, **changes)


def rows(upstream: Fake, ours: Fake) -> dict[tuple[str, str], dict[str, str]]:
    results = measure(PLAN, upstream, {"ours": ours}, profile_apart=False, bandwidth=lambda: 20.0)
    found = [dict(zip(COLUMNS, row, strict=True)) for row in table(MACHINE, results).rows]
    return {(row["engine"], row["texts at once"]): row for row in found}


def test_they_take_turns():
    upstream, ours = fakes()
    measure(PLAN, upstream, {"ours": ours}, profile_apart=False, bandwidth=lambda: 20.0)
    cycle = [("upstream", "speak", 1), ("ours", "speak", 1), ("ours", "speak", 4)]
    assert upstream.diary == [*cycle, *(3 * [*cycle, ("upstream", "first_chunk", 1)])]


def test_both_say_the_same_texts_and_each_cycle_others():
    upstream, ours = fakes()
    measure(PLAN, upstream, {"ours": ours}, profile_apart=False, bandwidth=lambda: 20.0)
    alone = [job for job in ours.jobs if len(job.texts) == 1]
    assert upstream.jobs == alone
    assert len({job.texts[0] for job in alone}) == PLAN.repeats


def test_timing_the_stages_apart_leaves_the_takes_that_count_alone():
    upstream, ours = fakes()
    results = measure(PLAN, upstream, {"ours": ours}, profile_apart=True, bandwidth=lambda: 20.0)
    assert [job.profile for job in upstream.jobs] == [False] * 4 + [True]
    assert {len(takes) for takes in results.takes.values()} == {3}
    assert {len(profiles) for profiles in results.profiles.values()} == {1}


def test_the_warm_up_does_not_count():
    upstream, ours = fakes()
    ours.slower = 0.5  # 5 s, then 2.5, 1.25, 0.625
    assert rows(upstream, ours)["ours", "1"]["audio-s/s"].startswith(f"{100 * CODE_SECONDS / 1.25:.2f} ")


def test_figures_of_a_row():
    row = rows(*fakes())["ours", "4"]
    assert row["audio-s/s"] == f"{4 * 100 * CODE_SECONDS / 5:.2f}"
    assert row["x upstream"] == "8.00"
    assert row["real-time factor"] == f"{5 / (100 * CODE_SECONDS):.2f}"  # of each listener
    assert row["first audio, ms"] == "250"
    assert (row["decode step, ms"], row["its floor, ms"], row["x floor"]) == ("50.0", "20.0", "2.5")
    assert (row["prefill, ms"], row["vocoder"]) == ("100", "25%")
    assert row["peak memory, GB"] == "3.0"  # loading took more than speaking


def test_upstreams_first_audio_is_its_streams():
    assert rows(*fakes())["upstream", "1"]["first audio, ms"] == "500"


def test_a_machine_that_slows_down_does_not_change_the_ratio():
    upstream, ours = fakes(slower=1.5)
    row = rows(upstream, ours)["ours", "1"]
    assert "to" in row["audio-s/s"]
    assert row["x upstream"] == "2.00"


def test_memory_is_told_apart():
    results = measure(PLAN, *_pair(), profile_apart=False, bandwidth=lambda: 20.0)
    assert ("ours", "4", "3.0", "2.0") in memory(results).rows


def test_an_engine_that_says_less_is_not_timed():
    with pytest.raises(RuntimeError, match="in place of"):
        check_length(PLAN, 1, Take(1.0, 99 * CODE_SECONDS * 0.99, (0.1,), 0, None))
    upstream, ours = fakes()
    ours.codes = 50
    with pytest.raises(RuntimeError, match="in place of"):
        measure(PLAN, upstream, {"ours": ours}, profile_apart=False, bandwidth=lambda: 20.0)


def test_the_report_holds_all_that_was_measured():
    results = measure(PLAN, *_pair(), profile_apart=False, bandwidth=lambda: 20.0)
    told = report(PLAN, MACHINE, results)
    assert [variant["concurrency"] for variant in told.data["variants"]] == [1, 1, 4]
    assert all(len(variant["takes"]) == PLAN.repeats for variant in told.data["variants"])
    assert "100 codes (4.6 s)" in told.method
    assert plot(results).panels[0].lines["ours"] == [
        (1, pytest.approx(0.929, abs=0.001)),
        (4, pytest.approx(3.715, abs=0.001)),
    ]


def _pair() -> tuple[Fake, dict[str, Fake]]:
    upstream, ours = fakes()
    return upstream, {"ours": ours}
