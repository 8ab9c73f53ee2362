"""Keeps latents by the hash of what they were made from: in memory, as files that processes share, and in a bucket.

Knows neither clips nor the model: on a miss it calls the function it was given. Nothing that it finds on disk
is trusted (no pickle; key, shapes, digest and numbers are checked), and no fault of the disk or the bucket fails a
request.
"""

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Literal

from safetensors import SafetensorError
from safetensors.torch import load, save

from runners.conditioning.latents import Latents, LatentShapes
from runners.conditioning.voice_file import safetensors_metadata
from runners.errors import StorageAway
from runners.storage import Storage
from runners.whole_file import private_folder, write_whole

Lookup = Literal["memory", "disk", "bucket", "miss"]  # where latents were found

FORMAT = "xtts-latents-2"  # raise it when latents of the same clip change: it is part of every key
logger = logging.getLogger(__name__)


def cache_key(**made_from: object) -> str:
    """Sha256 over everything that decides the latents (JSON values) and over the format's version."""
    text = json.dumps({"format": FORMAT, **made_from}, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class LatentsCache:
    """A memory LRU over a folder of `<key[:2]>/<key>.safetensors`, over such a folder in a bucket.

    Threads that miss one key at the same time compute it once. Processes do not wait for each other: two that
    miss the same key on an empty folder both compute it, write whole files and rename them into place, and
    the last one stays. That costs one clip's work once, and needs no locks on a network volume. Files are
    never deleted here (135 kB each).
    """

    def __init__(
        self,
        folder: Path,
        shapes: LatentShapes,
        *,
        capacity: int = 256,
        storage: Storage | None = None,
        count: Callable[[Lookup], None] = lambda result: None,
    ) -> None:
        """`count` is called for every look-up."""
        self._files = _LatentsFiles(folder, shapes)
        self._storage = storage
        self._capacity = capacity  # latents in memory
        self._memory: OrderedDict[str, Latents] = OrderedDict()
        self._in_flight: dict[str, Future[Latents]] = {}
        self._lock = Lock()  # guards the two above
        self._count = count

    def get(self, key: str, compute: Callable[[], Latents], *, keep: bool = True) -> Latents:
        """From memory, disk or `compute`, whose error goes to all who wait for it and is not kept.

        Unless `keep`, no file is written of what is computed.
        """
        with self._lock:
            if key in self._memory:
                self._count("memory")
                self._memory.move_to_end(key)
                return self._memory[key]
            future = self._in_flight.get(key)
            if mine := future is None:
                future = self._in_flight[key] = Future()
        if mine:
            self._fulfil(future, key, compute, keep)
        try:
            return future.result()
        finally:
            del future  # an error's traceback holds this frame: without the way back both go, and with them the clip

    def _fulfil(self, future: Future[Latents], key: str, compute: Callable[[], Latents], keep: bool) -> None:
        try:
            latents = self._find_or_compute(key, compute, keep)
        except BaseException as error:  # whatever it is, those who wait must not wait for ever
            with self._lock:
                del self._in_flight[key]
            future.set_exception(error)
            del future
            return
        with self._lock:
            del self._in_flight[key]
            self._memory[key] = latents
            while len(self._memory) > self._capacity:
                self._memory.popitem(last=False)
        future.set_result(latents)

    def _find_or_compute(self, key: str, compute: Callable[[], Latents], keep: bool) -> Latents:
        if (found := self._files.read(key)) is not None:
            self._count("disk")
            return found
        if keep and (found := self._fetch(key)) is not None:
            self._count("bucket")
            return found
        self._count("miss")
        latents = compute()
        if keep:
            raw = self._files.write(key, latents)
            if self._storage:
                with suppress(StorageAway):  # which says so in the log
                    self._storage.put(_stored_at(key), raw)
        return latents

    def _fetch(self, key: str) -> Latents | None:
        """From the bucket, and onto the disk."""
        if self._storage is None:
            return None
        try:
            raw = self._storage.read(_stored_at(key))
        except (FileNotFoundError, StorageAway):
            return None
        if (latents := self._files.checked(key, raw, self._storage.url_of(_stored_at(key)))) is not None:
            self._files.keep(key, raw)
        return latents


class _LatentsFiles:
    """One file a key. When the disk fails, reading returns None and writing does nothing."""

    def __init__(self, folder: Path, shapes: LatentShapes) -> None:
        self._folder = folder
        self._shapes = shapes

    def _path(self, key: str) -> Path:
        return self._folder / _below(key)

    def read(self, key: str) -> Latents | None:
        path = self._path(key)
        try:
            return self.checked(key, path.read_bytes(), path)
        except FileNotFoundError:
            return None
        except OSError as error:
            logger.warning("Cannot read cached latents %s (%s): computing them", path, error.strerror)
        return None

    def checked(self, key: str, raw: bytes, where: object) -> Latents | None:
        try:
            tensors, header = load(raw), safetensors_metadata(raw)
            latents = Latents(tensors["gpt_cond_latent"], tensors["speaker_embedding"])
            if header != _stamp(key, latents):
                raise ValueError("its stamp does not match")
            if latents.shapes != self._shapes:
                raise ValueError(f"{latents.shapes} where this model has {self._shapes}")
            if not latents.finite:
                raise ValueError("NaN or infinity")
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            logger.warning("Cached latents %s are damaged or foreign (%s): computing them anew", where, error)
            return None
        return latents

    def write(self, key: str, latents: Latents) -> bytes:
        """What is kept of them."""
        tensors = {"gpt_cond_latent": latents.gpt_cond_latent, "speaker_embedding": latents.speaker_embedding}
        raw = bytes(save(tensors, metadata=_stamp(key, latents)))
        self.keep(key, raw)
        return raw

    def keep(self, key: str, raw: bytes) -> None:
        path = self._path(key)
        try:
            private_folder(path.parent)
            write_whole(path, raw)
        except OSError as error:
            logger.warning("Cannot keep latents in %s (%s): in memory only", path, error.strerror)


def _below(key: str) -> str:
    return f"{key[:2]}/{key}.safetensors"


def _stored_at(key: str) -> str:
    return f"latents/{_below(key)}"


def _stamp(key: str, latents: Latents) -> dict[str, str]:
    """A file's metadata: its key, its format and a digest, as safetensors has no checksum."""
    digest = hashlib.sha256()
    for tensor in (latents.gpt_cond_latent, latents.speaker_embedding):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return {"format": FORMAT, "key": key, "digest": digest.hexdigest()}
