from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from training.runs import Run, keep, rate


def made(path: Path, kept: Path | None = None) -> tuple[Run, nn.Linear, Callable[[int], dict[str, torch.Tensor]]]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    adam = torch.optim.AdamW(layer.parameters(), lr=0.1)

    def advance(step: int) -> dict[str, torch.Tensor]:
        loss = (layer(torch.randn(4, 3, generator=torch.Generator().manual_seed(step))) - 1).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        return {"loss": loss.detach()}

    return Run(path, {"layer": layer, "adam": adam}, kept), layer, advance


def test_a_run_that_was_cut_comes_to_the_same_weights(tmp_path: Path) -> None:
    run, whole, advance = made(tmp_path / "whole.pt")
    run.train(12, advance)
    run, _, advance = made(tmp_path / "cut.pt")
    run.train(5, advance)
    run, cut, advance = made(tmp_path / "cut.pt")
    run.train(12, advance)
    assert torch.equal(cut.weight, whole.weight)
    assert not list(tmp_path.glob("*.partial"))


def test_a_run_goes_on_from_weights_that_were_kept(tmp_path: Path) -> None:
    run, trained, advance = made(tmp_path / "run.pt")
    run.train(7, advance)
    (tmp_path / "kept").mkdir()
    keep(tmp_path / "run.pt", tmp_path / "kept")
    run, layer, _ = made(tmp_path / "elsewhere" / "run.pt", tmp_path / "kept")
    assert run.resume() == 7
    torch.testing.assert_close(layer.weight, trained.weight, atol=1e-3, rtol=1e-3)


def test_weights_that_were_kept_are_there_for_other_steps_without_more_training(tmp_path: Path) -> None:
    run, trained, advance = made(tmp_path / "run.pt")
    run.train(7, advance)
    (tmp_path / "kept").mkdir()
    keep(tmp_path / "run.pt", tmp_path / "kept")
    run, _, advance = made(tmp_path / "next.pt", tmp_path / "kept")
    (tmp_path / "kept" / "run.safetensors").rename(tmp_path / "kept" / "next.safetensors")
    run.train(7, advance)
    state = torch.load(tmp_path / "next.pt", weights_only=True)
    assert state["step"] == 7
    torch.testing.assert_close(state["layer"]["weight"], trained.weight.detach(), atol=1e-3, rtol=1e-3)


def test_what_was_not_trained_on_is_measured_at_the_end(tmp_path: Path) -> None:
    run, _, advance = made(tmp_path / "run.pt")
    run.train(3, advance, lambda: {"loss": 0.25})
    assert "step 3: held out loss 0.250" in (tmp_path / "run.log").read_text()


def test_the_rate_rises_and_falls_to_nearly_nothing() -> None:
    assert rate(0, 1000, 1.0) == pytest.approx(0.01)
    assert rate(500, 1000, 1.0) == 1.0
    assert rate(900, 1000, 1.0) == pytest.approx(0.5)
    assert rate(999, 1000, 1.0) == pytest.approx(0.02)


def test_weights_that_are_not_wanted_keep_their_first_values(tmp_path: Path) -> None:
    run, _, advance = made(tmp_path / "run.pt")
    run.train(7, advance)
    keep(tmp_path / "run.pt", tmp_path, lambda name: name == "weight")
    run, layer, _ = made(tmp_path / "elsewhere" / "run.pt", tmp_path)
    first = layer.bias.detach().clone(), layer.weight.detach().clone()
    run.resume()
    assert torch.equal(layer.bias, first[0])
    assert not torch.equal(layer.weight, first[1])
