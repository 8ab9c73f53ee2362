"""Whether config.json, vocab.json and the weights belong together, by their sizes and languages. Imports no torch."""

import json
import re
from collections.abc import Mapping
from typing import Final

from runners.checkpoint.config import Config
from runners.checkpoint.files import CONFIG, VOCABULARY, Files, refusal
from runners.checkpoint.tensors import TensorInfo
from runners.checkpoint.vocabulary import read_vocabulary, tag_of

UPSTREAM_LANGUAGES: Final = "en es fr de it pt pl tr ru nl cs ar zh-cn hu ko ja hi".split()  # noqa: SIM905


def complete(files: Files, name: str, config: Config, tensors: Mapping[str, TensorInfo]) -> Config:
    """The config with the sizes of the weights. Raises ConfigurationError where it has others."""
    sizes = _sizes(files, name, tensors)
    args = config["model_args"]
    for arg, size in sizes.items():
        if arg != "gpt_number_text_tokens" and args.get(arg, size) != size:  # upstream takes the vocabulary's
            said, held = json.dumps(args[arg]), json.dumps(size)
            raise refusal(files, f"{name} has {held} for {arg}, {CONFIG} {said}: they are not of the same model.")
    codes = sizes["gpt_num_audio_tokens"]
    marks = {"gpt_start_audio_token": codes - 2, "gpt_stop_audio_token": codes - 1}
    args = {**marks, **args, **sizes}
    heads = args.setdefault("gpt_n_heads", 16)
    if heads < 1 or args["gpt_n_model_channels"] % heads:
        width = args["gpt_n_model_channels"]
        raise refusal(files, f"{CONFIG}: {heads} heads (gpt_n_heads) do not divide the width {width} of {name}.")
    if outside := [mark for mark in marks if not 0 <= args[mark] < codes]:
        raise refusal(files, f"{CONFIG}: {outside[0]} is {args[outside[0]]}, and {name} has {codes} codes.")
    return {**config, "model_args": args}


def _sizes(files: Files, name: str, tensors: Mapping[str, TensorInfo]) -> dict[str, int | bool]:
    """Those arguments of the model that its tensors tell by their shapes."""

    def length(tensor: str, axis: int) -> int:
        info = tensors.get(tensor)
        if info is None or len(info.shape) <= axis:
            raise refusal(files, f"{name} has no {tensor}: it is not whole, or not upstream's XTTS v2.")
        return info.shape[axis]

    vocoder = "hifigan_decoder.waveform_decoder"
    blocks = [int(key.split(".")[3]) for key in tensors if re.match(r"gpt\.gpt\.h\.\d+\.ln_1\.weight$", key)]
    return {
        "gpt_layers": max(blocks, default=-1) + 1,
        "gpt_n_model_channels": length("gpt.text_embedding.weight", 1),
        "gpt_number_text_tokens": length("gpt.text_embedding.weight", 0),
        "gpt_num_audio_tokens": length("gpt.mel_embedding.weight", 0),
        "gpt_max_text_tokens": length("gpt.text_pos_embedding.emb.weight", 0) - 2,  # upstream adds two, and three
        "gpt_max_audio_tokens": length("gpt.mel_pos_embedding.emb.weight", 0) - 3,
        "gpt_use_perceiver_resampler": length("gpt.conditioning_perceiver.latents", 0) > 0,
        "decoder_input_dim": length(f"{vocoder}.conv_pre.weight", 1),
        "d_vector_dim": length(f"{vocoder}.cond_layer.weight", 1),
    }


def check_words(files: Files, name: str, config: Config, tensors: Mapping[str, TensorInfo]) -> None:
    """Raises ConfigurationError where vocabulary, weights and languages do not belong together."""
    vocabulary = read_vocabulary(files)
    size = max(vocabulary.values()) + 1  # as upstream counts: up to the last number
    tokens = tensors["gpt.text_embedding.weight"].shape[0]
    if size != tokens:
        message = f"{name} holds {tokens} text tokens, {VOCABULARY} {size}: they are not of the same model."
        raise refusal(files, message)
    if "languages" not in config:
        config["languages"] = [each for each in UPSTREAM_LANGUAGES if tag_of(each) in vocabulary]
    if not config["languages"]:
        raise refusal(files, f"{CONFIG} names no languages.")
    if lacking := [each for each in config["languages"] if tag_of(each) not in vocabulary]:
        tags = ", ".join(map(tag_of, lacking))
        raise refusal(
            files,
            f"{CONFIG} lists {', '.join(lacking)} among its languages, but {VOCABULARY} has no {tags}: "
            "take it off the list, or use the vocabulary that the model was tuned with.",
        )
