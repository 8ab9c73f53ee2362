"""Synthesizes JSON Lines or Parquet of any length on a Ray cluster: an engine in each actor, an actor on each GPU.

    python -m examples.ray.synthesize texts.jsonl speech --actors 8 --gpus 1

A row has an `id` and the fields of POST /generate/simple; without a `seed` it gets one by its id, so that a second run
makes the same samples. SPEECH/audio holds a file a row, SPEECH/manifest a JSON line a row. What has a file in the
manifest is not made again: after an interruption the same command goes on. Both places may be addresses (s3://, gs://).
The model and all else are set as a server's are (XTTS_MODEL, XTTS_VOICES_DIR ...), in the environment of every node.
"""

import argparse
import os

import fsspec
import ray.data

from examples.ray.speech import Speech

ROWS = 256  # of a task, and of a file of the manifest: what is made again, at most, where an actor dies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=_absolute, help="a file, a folder or an address; Parquet has that in its name")
    parser.add_argument("speech", type=_absolute, help="a folder or an address")
    parser.add_argument("--actors", type=int, default=1)
    parser.add_argument("--gpus", type=float, default=0, help="of each actor; 0.5: two share one")
    parser.add_argument("--cpus", type=float, default=0.5, help="of each actor; some must be left for reading")
    parser.add_argument("--at-once", type=int, default=64, help="rows in an actor: as many as it has slots, or more")
    options = parser.parse_args()
    known = synthesized(options.speech)
    read = ray.data.read_parquet if "parquet" in options.texts else ray.data.read_json
    left = read(options.texts).filter(lambda row: str(row["id"]) not in known)
    spoken = left.repartition(target_num_rows_per_block=ROWS).map_batches(
        Speech,
        fn_constructor_args=[options.speech],
        batch_size=max(1, options.at_once // 4),  # Ray Data calls an asynchronous function for four batches at once
        compute=ray.data.ActorPoolStrategy(size=options.actors),
        num_gpus=options.gpus,
        num_cpus=options.cpus,
    )
    spoken.write_json(f"{options.speech}/manifest")


def synthesized(output: str) -> set[str]:
    """The ids of earlier runs' rows that have a file."""
    files, path = fsspec.url_to_fs(output)
    files.makedirs(f"{path}/audio", exist_ok=True)
    if not files.exists(f"{path}/manifest") or not files.find(f"{path}/manifest"):
        return set()
    return {row["id"] for row in ray.data.read_json(f"{output}/manifest").iter_rows() if row["file"] is not None}


def _absolute(place: str) -> str:
    return place if "://" in place else os.path.abspath(place)


if __name__ == "__main__":
    main()
