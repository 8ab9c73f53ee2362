"""Says whether a model can be served, and what it is, in seconds: of a remote one, only the indexes are fetched.

python -m runners.models.check hf://coqui/XTTS-v2
"""

import sys

from runners.checkpoint.agreement import UPSTREAM_LANGUAGES
from runners.checkpoint.look import Checkpoint, look, look_at
from runners.config import EngineConfig
from runners.models.licence import CPML, is_url, needs_consent
from runners.models.source import locate, resolve_model

VOICE_POSITIONS = 32 + 3  # of a sequence: the voice's latents, the marks around text and codes


def check_model(source: str, config: EngineConfig) -> str:
    """What the model is, a line for each fact. Raises ConfigurationError, in one sentence, for one that does not
    start. The licence is named and not asked for: nothing is served."""
    if is_url(source):
        from runners.models.download import REQUIRED
        from runners.models.remote_folder import RemoteFolder

        url, weights = locate(source)
        checkpoint, consent = look(RemoteFolder.open(url, REQUIRED), weights), True
    else:
        path = resolve_model(source, config.cache_dir, tos_agreed=True)
        checkpoint = look_at(path)
        consent = needs_consent(source, checkpoint.folder)
    facts = _facts(checkpoint) | {"licence": _licence(consent, config.tos_agreed)}
    return "\n".join([f"{source} can be served.", *(f"{name:<10} {fact}" for name, fact in facts.items())])


def _facts(checkpoint: Checkpoint) -> dict[str, str]:
    args = checkpoint.config["model_args"]
    left_out = f", {checkpoint.left_out / 1e9:.2f} GB of training beside it are not read" if checkpoint.left_out else ""
    return {
        "layout": f"{checkpoint.layout}, in {checkpoint.weights}{left_out}",
        "sizes": f"{args['gpt_layers']} layers, {args['gpt_n_model_channels']} wide, {args['gpt_n_heads']} heads,"
        f" {args['gpt_number_text_tokens']} text tokens, {args['gpt_num_audio_tokens']} audio codes;"
        f" an utterance has up to {args['gpt_max_text_tokens']} text tokens and {args['gpt_max_audio_tokens']} codes",
        "languages": ", ".join(map(_language, checkpoint.languages)),
        "speakers": ", ".join(checkpoint.speakers) or "none: voices come from clips",
        "precision": f"stored as {' and '.join(checkpoint.precisions)}",
        "memory": _memory(checkpoint),
    }


def _language(code: str) -> str:
    return code if code in UPSTREAM_LANGUAGES else f"{code} (read letter by letter: upstream does not know it)"


def _memory(checkpoint: Checkpoint) -> str:
    """Of weights and slots, as the engine keeps them; the libraries take about 1 GB besides, CUDA half a GB more."""
    blocks = sum(info.elements for name, info in checkpoint.tensors.items() if name.startswith("gpt.gpt.h."))
    others = sum(info.elements for info in checkpoint.tensors.values()) - blocks
    args = checkpoint.config["model_args"]
    positions = VOICE_POSITIONS + args["gpt_max_text_tokens"] + args["gpt_max_audio_tokens"]
    slot = positions * 2 * args["gpt_layers"] * args["gpt_n_model_channels"]  # keys and values
    return (
        f"{4 * (blocks + others) / 1e9:.2f} GB in fp32, {(1.25 * blocks + 4 * others) / 1e9:.2f} GB on a CPU in int10,"
        f" {(2 * blocks + 4 * others) / 1e9:.2f} GB on a GPU in fp16; a full slot takes {2 * slot / 1e6:.0f} MB, in"
        " fp32 twice that; the libraries take 1 GB or so besides"
    )


def _licence(consent: bool, agreed: bool) -> str:
    if not consent:
        return "none of Coqui's beside it: yours to judge"
    return f"{CPML}, non-commercial: " + ("agreed to" if agreed else "starts with COQUI_TOS_AGREED=1 only")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m runners.models.check MODEL")
    print(check_model(sys.argv[1], EngineConfig.from_env()))


if __name__ == "__main__":
    main()
