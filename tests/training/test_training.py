"""All steps after the corpus, each for a single step, on tones instead of speech: they fit together."""

import pytest
import torch

from runners.checkpoint.look import look_at
from runners.demo.layout import WIDTH
from runners.text.pieces import Piece
from runners.xtts.checkpoint import load_checkpoint
from training.codebook import load_codebook, train_codebook
from training.corpus import measured, write
from training.examples import Examples, delayed
from training.export import export
from training.features import RATE, STRIDE, beat
from training.gpt import train_gpt
from training.plan import Plan
from training.source_filter import HOP
from training.speaker import train_speaker
from training.spectral import spectral_distance, waveform_distance
from training.vocoder import ROWS, WINDOW, Speech, stretch, train_vocoder, tune_vocoder


def tone(number: int, codes: int = 60) -> torch.Tensor:
    """Another pitch for every number, between silences, wavering."""
    time = torch.arange(codes * STRIDE) / RATE
    phase = 2 * torch.pi * (90 + 7 * number) * (time + 0.02 * torch.sin(2 * torch.pi * 3 * time))
    loud = 0.1 * torch.sin(torch.pi * time / time[-1]).square()
    noise = 1e-3 * torch.randn(len(time), generator=torch.Generator().manual_seed(number))
    return loud * torch.stack([torch.sin(phase * k) / k for k in range(1, 12)]).sum(0) + noise


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    plan = Plan(
        tmp_path_factory.mktemp("work"),
        kept=None,
        audio_shards=2,
        codebook_shards=2,
        gpt_steps=1,
        speaker_steps=1,
        vocoder_steps=1,
        tuning_steps=1,
    )
    for shard in range(2):
        said = [
            measured(Piece("", tuple(range(20, 20 + 8 + number))), tone(number), who=number % 3) for number in range(12)
        ]
        write(plan.work / f"shard-{shard:04d}.npz", said, audio=True)
    train_codebook(plan)
    return plan


def test_codes_differ_and_what_is_told_of_them_is_even(plan: Plan) -> None:
    codebook = load_codebook(plan.work)
    examples = Examples(plan.shards[1:], codebook)
    assert len(torch.cat([example.codes for example in examples.all]).bincount().nonzero()) > 100
    told = codebook.normalise(torch.cat([example.told.float() for example in examples.all]))
    assert told.mean(0).abs().max() < 0.2
    assert told.std(0).max() < 1.5


def test_a_batch_is_drawn_by_its_step_and_hears_the_speaker_elsewhere(plan: Plan) -> None:
    examples = Examples(plan.shards[1:], load_codebook(plan.work))
    one, two, other = (examples.batch(step, 605, corrupt=0.5, positions=400) for step in (5, 5, 6))
    assert torch.equal(one.conditioning, two.conditioning)
    assert torch.equal(one.fed[0], two.fed[0])
    assert one.conditioning.shape != other.conditioning.shape or not torch.equal(one.conditioning, other.conditioning)
    wrong = (one.fed[0] != one.examples[0].codes).float().mean()
    assert 0.2 < wrong < 0.8


def test_what_is_told_comes_one_code_late(plan: Plan) -> None:
    codebook = load_codebook(plan.work)
    told = Examples(plan.shards[1:], codebook).all[0].told
    late = delayed(told, codebook.silence)
    torch.testing.assert_close(late[1:, :-2], told.float()[:, :-2])
    torch.testing.assert_close(late[0, :-2], codebook.silence[:-2])
    torch.testing.assert_close(late[:, -2:], beat(len(late)))


def test_every_step_runs_and_the_server_loads_what_comes_out(plan: Plan) -> None:
    for step in (train_speaker, train_gpt, train_vocoder, tune_vocoder, export):
        step(plan)
    speech = Speech(plan)
    windows = speech.batch(0, speech.told)
    assert windows.inputs.shape[:2] == (ROWS, WINDOW)
    assert windows.speakers.shape == (ROWS, 512, 1)
    assert windows.real.shape == windows.pulsed.shape == (ROWS, stretch(windows.inputs).shape[2] * HOP)
    xtts = load_checkpoint(look_at(plan.work / "checkpoint"), torch.device("cpu"))
    with torch.inference_mode():
        sound = xtts.hifigan_decoder(torch.randn(1, 6, WIDTH), torch.zeros(1, 512, 1))
    assert sound.isfinite().all()
    assert sound.abs().max() > 0


def test_the_spectral_distance_is_blind_to_phase_and_sees_pitch() -> None:
    one, other = tone(1)[None], tone(9)[None]
    assert spectral_distance(one, one) == 0
    shifted = one.roll(40)
    assert spectral_distance(shifted, one) < spectral_distance(other, one) / 3


def test_the_waveforms_distance_sees_phase_where_there_is_a_voice() -> None:
    one = tone(1)[None]
    assert waveform_distance(one, one) == 0
    assert waveform_distance(one.roll(40), one) > 0.5
    assert waveform_distance(one, torch.zeros_like(one)) == 0
