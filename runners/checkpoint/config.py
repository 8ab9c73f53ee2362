"""config.json: what synthesis takes of it, of the right types. Training's settings are left out. Imports no torch."""

import json
from collections.abc import Mapping
from typing import Any

from runners.checkpoint.files import CONFIG, Files, read_small, refusal

Config = dict[str, Any]

_ARGS: Mapping[str, type] = {
    "gpt_max_audio_tokens": int,
    "gpt_max_text_tokens": int,
    "gpt_max_prompt_tokens": int,
    "gpt_layers": int,
    "gpt_n_model_channels": int,
    "gpt_n_heads": int,
    "gpt_number_text_tokens": int,
    "gpt_start_text_token": int,
    "gpt_stop_text_token": int,
    "gpt_num_audio_tokens": int,
    "gpt_start_audio_token": int,
    "gpt_stop_audio_token": int,
    "gpt_code_stride_len": int,
    "gpt_use_masking_gt_prompt_approach": bool,
    "gpt_use_perceiver_resampler": bool,
    "input_sample_rate": int,
    "output_sample_rate": int,
    "output_hop_length": int,
    "decoder_input_dim": int,
    "d_vector_dim": int,
    "cond_d_vector_in_each_upsampling_layer": bool,
    "duration_const": int,
}
_SETTINGS: Mapping[str, type] = {
    "model": str,
    "model_args": dict,
    "audio": dict,
    "languages": list,
    "temperature": float,
    "length_penalty": float,
    "repetition_penalty": float,
    "top_k": int,
    "top_p": float,
    "num_gpt_outputs": int,
    "gpt_cond_len": int,
    "gpt_cond_chunk_len": int,
    "max_ref_len": int,
    "sound_norm_refs": bool,
}
_AUDIO: Mapping[str, type] = {"sample_rate": int, "output_sample_rate": int, "dvae_sample_rate": int}
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "{...}", list: "[...]"}


def read_config(files: Files) -> Config:
    """What upstream's XttsConfig takes for synthesis; what is not in the file is not in here.

    Raises ConfigurationError for a file that is no JSON, and for values of another type.
    """
    try:
        content = json.loads(read_small(files, CONFIG).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise refusal(files, f"{CONFIG} is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise refusal(files, f"{CONFIG} is not a model's: it holds no names and values.")
    config = _known(files, content, _SETTINGS, "")
    config["model_args"] = _known(files, config.get("model_args", {}), _ARGS, "model_args.")
    config["audio"] = _known(files, config.get("audio", {}), _AUDIO, "audio.")
    if not all(isinstance(language, str) and language for language in config.get("languages", [])):
        raise refusal(files, f"{CONFIG}: languages must be a list of codes such as en.")
    return config


def _known(files: Files, values: Mapping[str, Any], types: Mapping[str, type], where: str) -> Config:
    """Those of `values` that are in `types`. A null counts as missing."""
    known = {name: values[name] for name in types if values.get(name) is not None}
    for name, value in known.items():
        if not _is(value, types[name]):
            raise refusal(files, f"{CONFIG}: {where}{name} must be {_WORDS[types[name]]}, not {json.dumps(value)}.")
    return {name: types[name](value) for name, value in known.items()}


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if kind is int:  # 30.0 is one too
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)
