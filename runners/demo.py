"""The demo checkpoint: a small XTTS-v2 in the real layout, made on the spot. It does not speak."""

import json
from pathlib import Path

import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

from runners.demo_vocabulary import LANGUAGES, write_vocabulary

DEMO_VERSION = "0"

_WIDTH = 128


def make_demo(folder: Path) -> None:
    """Writes config.json, model.pth, vocab.json and speakers_xtts.pth into `folder`, which exists and is empty."""
    tokens = write_vocabulary(folder / "vocab.json")
    _write_config(folder / "config.json", len(tokens))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
        config.model_args.tokenizer_file = ""
        config.model_args.gpt_start_text_token = tokens["[START]"]
        config.model_args.gpt_stop_text_token = tokens["[STOP]"]
        model = Xtts(config)
        state = model.state_dict()
        speakers = {
            name: {
                "gpt_cond_latent": torch.randn(1, 32, _WIDTH),
                "speaker_embedding": torch.randn(1, 512, 1) / 512**0.5,
            }
            for name in ("Demo Low", "Demo High")
        }
    torch.save({"model": state}, folder / "model.pth")
    torch.save(speakers, folder / "speakers_xtts.pth")


def _write_config(path: Path, text_tokens: int) -> None:
    config = {
        "model": "xtts",
        "model_args": {
            "gpt_max_audio_tokens": 605,
            "gpt_max_text_tokens": 402,
            "gpt_max_prompt_tokens": 70,
            "gpt_layers": 2,
            "gpt_n_model_channels": _WIDTH,
            "gpt_n_heads": 4,
            "gpt_number_text_tokens": text_tokens,
            "gpt_num_audio_tokens": 1026,
            "gpt_start_audio_token": 1024,
            "gpt_stop_audio_token": 1025,
            "gpt_code_stride_len": 1024,
            "gpt_use_masking_gt_prompt_approach": True,
            "gpt_use_perceiver_resampler": True,
            "input_sample_rate": 22050,
            "output_sample_rate": 24000,
            "output_hop_length": 256,
            "decoder_input_dim": _WIDTH,
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
    path.write_text(json.dumps(config, indent=4), encoding="utf-8")
