"""What config.json of a checkpoint in XTTS-v2's layout holds."""

from collections.abc import Sequence

CODES, START_CODE, STOP_CODE = 1026, 1024, 1025


def checkpoint_config(
    tokens: dict[str, int], *, layers: int, width: int, heads: int, text_tokens: int, languages: Sequence[str]
) -> dict[str, object]:
    """The values of the real file, but for the sizes. `tokens`: token -> id."""
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
        "languages": list(languages),
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
