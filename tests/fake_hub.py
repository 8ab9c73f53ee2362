"""The hub's answers about one repository, as files of a FileServer."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from huggingface_hub.utils.sha import git_hash

COMMIT = "6c2b0d75eae4b7047358cb6e8fddf8f10b2d8f69"


def hub_files(repo: str, files: Mapping[str, bytes], revisions: Iterable[str] = ("main",)) -> dict[str, bytes]:
    """`files` by their paths in the repository, at all of `revisions`."""
    api = f"api/models/{repo}"
    info = json.dumps({"id": repo, "sha": COMMIT, "siblings": []}).encode()
    pages = {f"{api}/revision/{quote(revision, safe='')}": info for revision in (*revisions, COMMIT)}
    folders = {path.rpartition("/")[0] for path in files}
    trees = {
        f"{api}/tree/{COMMIT}/{quote(folder, safe='')}".rstrip("/"): json.dumps(
            [_entry(path, body) for path, body in files.items() if path.rpartition("/")[0] == folder]
        ).encode()
        for folder in folders
    }
    contents = {f"{repo}/resolve/{COMMIT}/{path}": body for path, body in files.items()}
    return pages | trees | contents


def _entry(path: str, body: bytes) -> dict[str, object]:
    """Large files are kept by their sha256, small ones as git keeps them."""
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(body), "oid": git_hash(body)}
    if path.endswith(".pth"):
        entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
    return entry
