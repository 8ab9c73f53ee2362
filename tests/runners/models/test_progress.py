import pytest

from runners.models.progress import progress_bar


def test_log_gets_whole_lines(capsys: pytest.CaptureFixture[str]):
    with progress_bar()(desc="model.pth", total=1000, unit="B", unit_scale=True, mininterval=0.0) as bar:
        bar.update(500)
        bar.update(500)
    out = capsys.readouterr().err
    assert "\r" not in out
    lines = out.splitlines()
    assert [line.split("|")[0].split() for line in lines[:3]] == [
        ["model.pth:", "0%"],
        ["model.pth:", "50%"],
        ["model.pth:", "100%"],
    ]
    assert "1.00k/1.00k" in lines[-1]


def test_log_is_not_flooded(capsys: pytest.CaptureFixture[str]):
    with progress_bar()(desc="model.pth", total=10_000) as bar:
        for _ in range(10_000):
            bar.update(1)
    assert len(capsys.readouterr().err.splitlines()) == 2
