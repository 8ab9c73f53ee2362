"""The folder of a checkpoint, here or elsewhere, and what a file in it is that should be another. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from runners.errors import ConfigurationError

CONFIG, VOCABULARY, SPEAKERS, LICENCE = "config.json", "vocab.json", "speakers_xtts.pth", "LICENSE.txt"
WEIGHTS = ("model.pth", "model.safetensors")  # the first that is there is taken
SUFFIXES = (".pth", ".pt", ".safetensors")  # of files of tensors

_OTHERS = ("dvae.pth", "mel_stats.pth", SPEAKERS)  # files of tensors that are not the model
_HEAD = 512  # bytes of a file that tell what it is


class Files(Protocol):
    """A folder's files."""

    @property
    def url(self) -> str:
        """The folder, as messages name it."""

    def names(self) -> list[str]:
        """The files that are there, without those of sub-folders; empty where the server lists none."""

    def has(self, name: str) -> bool: ...

    def open_file(self, name: str) -> BinaryIO:
        """The file, to read and to seek in. Raises OSError."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    path: Path

    @property
    def url(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir() if path.is_file())

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def open_file(self, name: str) -> BinaryIO:
        return (self.path / name).open("rb")


def refusal(files: Files, what: str) -> ConfigurationError:
    """`what`: the file's name and a predicate, one sentence or two."""
    return ConfigurationError(f"XTTS_MODEL: {files.url}: {what}")


def choose_weights(files: Files) -> str:
    """The file with the model's weights. Raises ConfigurationError where there is none, or no telling which."""
    for name in WEIGHTS:
        if files.has(name):
            return name
    found = [name for name in files.names() if name.endswith(SUFFIXES) and name not in _OTHERS]
    if len(found) == 1:
        return found[0]
    if not found:
        raise refusal(files, f"there is no {WEIGHTS[0]}, nor another file of weights.")
    if any(name.startswith("gpt") for name in found):
        raise refusal(files, f"the model is split into {', '.join(found)} by another program: use what it was made of.")
    raise refusal(files, f"there are several files of weights, {', '.join(found)}: let XTTS_MODEL name one of them.")


def check_texts(files: Files) -> None:
    """Raises ConfigurationError where config.json or vocab.json is missing."""
    for name in (CONFIG, VOCABULARY):
        if not files.has(name):
            like = [other for other in files.names() if name.partition(".")[0] in other or "tokenizer" in other]
            hint = f" There is {', '.join(like)}: if it is XTTS-v2's, name it {name}." if like else ""
            raise refusal(files, f"there is no {name}.{hint}")


def what_it_is(head: bytes) -> str:
    """A predicate about a file which is not what its name says, by its first bytes."""
    start = head.lstrip()[:_HEAD].lower()
    if not head:
        return "is empty"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file that it stands for: run `git lfs pull`, or download the file itself"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, not the file: on the hub, the file's own address has /resolve/ in it"
    return ""


def read_small(files: Files, name: str) -> bytes:
    """The whole file. Raises ConfigurationError where it cannot be read, or is another than its name says."""
    try:
        with files.open_file(name) as file:
            content = file.read()
    except OSError as error:
        raise refusal(files, f"{name} cannot be read ({error.strerror or error}).") from error
    if what := what_it_is(content[:_HEAD]):
        raise refusal(files, f"{name} {what}.")
    return content
