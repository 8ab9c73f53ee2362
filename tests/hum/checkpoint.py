"""The test checkpoint: a small XTTS-v2 in the real layout, made on the spot. It hums; it does not speak.

Its weights are seeded random ones with a little order made by hand, so that text, voice, language, style and seed all
matter and an utterance ends when its text does: tests of equality with upstream need a checkpoint that is sensitive.
"""

import json
import logging
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo.config import checkpoint_config
from runners.demo.vocabulary import LANGUAGES, write_vocabulary
from tests.hum.conditioning import conditioning_weights, made_up_voice, speaker_centre
from tests.hum.gpt import HEADS, LAYERS, WIDTH, gpt_weights
from tests.hum.vocoder import vocoder_weights

_SPEAKERS = ("Demo Low", "Demo High")
_SEED = 20_240
_PAIRS = """
th he an er on in re es en or te ch sz cs gy ny ou qu st ei ie ij el le al la
ng sh zh ao ai ia ui ki ka to no eo eu ya tt ст но то на ов ни ра ال ين ار ें ों का ने
""".split()  # noqa: SIM905 (fifty quoted pairs are harder to read)


def make_hum(folder: Path) -> None:
    """Writes config.json, model.pth, vocab.json and speakers_xtts.pth (100 MB) into `folder`, which exists.

    The tensors are the same each time, and the global random state is left as it was.
    """
    tokens = write_vocabulary(folder / "vocab.json", _PAIRS)
    config = checkpoint_config(
        tokens, layers=LAYERS, width=WIDTH, heads=HEADS, text_tokens=len(tokens), languages=LANGUAGES
    )
    (folder / "config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    generator = torch.Generator().manual_seed(_SEED)
    voices = {name: made_up_voice(generator) for name in _SPEAKERS}
    torch.save({"model": _weights(folder / "config.json", tokens, generator)}, folder / "model.pth")
    torch.save(voices, folder / "speakers_xtts.pth")


def _weights(config_path: Path, tokens: dict[str, int], generator: torch.Generator) -> dict[str, Tensor]:
    """Upstream's names and shapes. What the recipe does not fill keeps upstream's initial values, seeded."""
    logging.getLogger("transformers").setLevel(logging.ERROR)  # it warns of ids that XTTS does not use
    config = XttsConfig()
    config.load_json(str(config_path))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = Xtts(config)
    made = (
        {f"gpt.{name}": tensor for name, tensor in gpt_weights(tokens, generator).items()}
        | conditioning_weights(generator)
        | {f"hifigan_decoder.waveform_decoder.{name}": t for name, t in vocoder_weights(generator).items()}
    )
    model.load_state_dict(model.state_dict() | made)
    centre = speaker_centre(model.hifigan_decoder.speaker_encoder)
    return model.state_dict() | {"hifigan_decoder.speaker_encoder.fc.bias": -centre}
