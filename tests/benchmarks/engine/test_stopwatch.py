import pytest
import torch

from benchmarks.engine.stopwatch import Stopwatch


class Kitchen:
    def __init__(self) -> None:
        self.served: list[str] = []

    def dinner(self, dish: str, *, courses: int) -> str:
        for _ in range(courses):
            self.course(dish)
        return dish

    def course(self, dish: str) -> None:
        if dish == "burnt":
            raise ValueError(dish)
        self.served.append(dish)


def test_calls_are_timed_and_otherwise_as_they_were():
    kitchen, watch = Kitchen(), Stopwatch(torch.device("cpu"))
    with watch.on({"whole": (kitchen, "dinner"), "part": (kitchen, "course")}):
        assert kitchen.dinner("soup", courses=3) == "soup"
    kitchen.dinner("cake", courses=1)  # no longer watched
    assert kitchen.served == ["soup"] * 3 + ["cake"]
    assert {stage: len(laps) for stage, laps in watch.laps.items()} == {"whole": 1, "part": 3}
    assert watch.total("whole") >= watch.total("part") > 0


def test_laps_start_afresh():
    kitchen, watch = Kitchen(), Stopwatch(torch.device("cpu"))
    for courses in (3, 2):
        with watch.on({"part": (kitchen, "course")}):
            kitchen.dinner("soup", courses=courses)
    assert len(watch.laps["part"]) == 2


def test_a_call_that_raises_is_timed_too_and_the_watch_lets_go():
    kitchen, watch = Kitchen(), Stopwatch(torch.device("cpu"))
    with pytest.raises(ValueError, match="burnt"), watch.on({"part": (kitchen, "course")}):
        kitchen.course("burnt")
    assert len(watch.laps["part"]) == 1
    assert "course" not in vars(kitchen)


def test_a_module_can_be_watched():
    layer, watch = torch.nn.Linear(2, 2), Stopwatch(torch.device("cpu"))
    with watch.on({"forward": (layer, "forward")}):
        layer(torch.zeros(1, 2))
    layer(torch.zeros(1, 2))
    assert len(watch.laps["forward"]) == 1
