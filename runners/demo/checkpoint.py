"""Puts the demo checkpoint's four files together. Knows nothing of where checkpoints are kept."""

import json
import logging
from pathlib import Path

import torch
from torch import Tensor
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo.conditioning import conditioning_weights, made_up_voice, speaker_centre
from runners.demo.gpt import CODES, HEADS, LAYERS, START_CODE, STOP_CODE, WIDTH, gpt_weights
from runners.demo.vocabulary import LANGUAGES, write_vocabulary
from runners.demo.vocoder import vocoder_weights

_SPEAKERS = ("Demo Low", "Demo High")
_SEED = 20_240


def write_demo(folder: Path) -> None:
    """Writes config.json, model.pth, vocab.json and speakers_xtts.pth (100 MB) into `folder`, which exists.

    The tensors are the same each time, and the global random state is left as it was.
    """
    tokens = write_vocabulary(folder / "vocab.json")
    config = checkpoint_config(tokens, text_tokens=len(tokens))
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


def checkpoint_config(
    tokens: dict[str, int], *, layers: int = LAYERS, width: int = WIDTH, heads: int = HEADS, text_tokens: int
) -> dict[str, object]:
    """What config.json holds: the real file's values, but for the sizes. `tokens`: token -> id."""
    return {
        "model": "xtts",
        "model_args": {
            "gpt_max_audio_tokens": 605,
            "gpt_max_text_tokens": 402,
            "gpt_max_prompt_tokens": 70,
            "gpt_layers": layers,
            "gpt_n_model_channels": width,
            "gpt_n_heads": heads,
            "gpt_number_text_tokens": text_tokens,
            "gpt_start_text_token": tokens["[START]"],
            "gpt_stop_text_token": tokens["[STOP]"],
            "gpt_num_audio_tokens": CODES,
            "gpt_start_audio_token": START_CODE,
            "gpt_stop_audio_token": STOP_CODE,
            "gpt_code_stride_len": 1024,
            "gpt_use_masking_gt_prompt_approach": True,
            "gpt_use_perceiver_resampler": True,
            "input_sample_rate": 22050,
            "output_sample_rate": 24000,
            "output_hop_length": 256,
            "decoder_input_dim": width,
            "d_vector_dim": 512,
            "cond_d_vector_in_each_upsampling_layer": True,
            "duration_const": 102400,
        },
        "audio": {"sample_rate": 22050, "output_sample_rate": 24000},
        "languages": list(LANGUAGES),
        "temperature": 0.75,
        "length_penalty": 1.0,
        "repetition_penalty": 5.0,
        "top_k": 50,
        "top_p": 0.85,
        "num_gpt_outputs": 1,
        "gpt_cond_len": 30,
        "gpt_cond_chunk_len": 4,
        "max_ref_len": 30,
        "sound_norm_refs": False,
    }
