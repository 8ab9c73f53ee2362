"""Lands a repository's files in a local folder: whole, verified, of one commit. Knows not what they are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from runners.errors import ConfigurationError
from runners.models.download import RemoteFile, check_room, fetch, free_space
from runners.models.landing import land_version, recall


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the Hugging Face Hub. The revision is a commit, a tag or a branch."""

    repo: str  # owner/name
    revision: str

    def __str__(self) -> str:
        return f"hf://{self.repo}@{self.revision}"

    def folder(self, models: Path, commit: str) -> Path:
        return models / f"{self.repo.replace('/', '--')}@{quote(commit, safe='')}"


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub that HF_ENDPOINT names unless `endpoint` does. HF_TOKEN and HF_HUB_OFFLINE are honoured."""

    endpoint: str | None = None  # e.g. http://127.0.0.1:8080
    free_space: Callable[[Path], int] = free_space  # folder -> bytes

    def land(self, model: HubModel, models: Path, required: Sequence[str], optional: Sequence[str]) -> Path:
        """Returns `models/<owner>--<name>@<commit>`: the required files and what there is of the optional.

        A revision that has landed is not asked for again: it starts with no network, and a branch stays at
        its commit. Raises ConfigurationError, or OSError where `models` cannot be written.
        """
        landed = _landed(model, models)
        if landed is not None:
            return landed
        with _explained(model):
            commit, files = self._describe(model, required, optional)
            target = model.folder(models, commit)
            return land_version(target, _ref(model, models), lambda partial: self._download(model, files, partial))

    def _describe(
        self, model: HubModel, required: Sequence[str], optional: Sequence[str]
    ) -> tuple[str, list[RemoteFile]]:
        """The commit that the revision is, and its files."""
        api = HfApi(endpoint=self.endpoint)
        info = api.model_info(model.repo, revision=model.revision, files_metadata=True, timeout=10)
        if info.sha is None:
            raise ValueError("it names no commit")
        there = {sibling.rfilename: sibling for sibling in info.siblings or ()}
        missing = [name for name in required if name not in there]
        if missing:
            raise ConfigurationError(f"XTTS_MODEL={model}: the repository has no {', '.join(missing)}")
        wanted = [there[name] for name in (*required, *optional) if name in there]
        return info.sha, [self._remote_file(model, info.sha, sibling) for sibling in wanted]

    def _remote_file(self, model: HubModel, commit: str, sibling: RepoSibling) -> RemoteFile:
        digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
        if sibling.size is None or digest is None:
            raise ValueError("it has no sizes and checksums")
        url = hf_hub_url(model.repo, sibling.rfilename, revision=commit, endpoint=self.endpoint)
        return RemoteFile(sibling.rfilename, url, sibling.size, digest)

    def _download(self, model: HubModel, files: Sequence[RemoteFile], folder: Path) -> None:
        check_room(model, files, folder, self.free_space(folder))
        for file in files:
            fetch(file, folder)


def _landed(model: HubModel, models: Path) -> Path | None:
    """The folder of the commit that this revision was when it landed, or that it is by itself."""
    folder = model.folder(models, recall(_ref(model, models)) or model.revision)
    return folder if folder.is_dir() else None


def _ref(model: HubModel, models: Path) -> Path:
    """The file that holds which commit the revision is."""
    folder = model.folder(models, model.revision)
    return folder.with_name(f"{folder.name}.ref")


@contextmanager
def _explained(model: HubModel) -> Iterator[None]:
    """Turns what goes wrong between here and the hub into a ConfigurationError that says what to do."""

    def fault(message: str) -> ConfigurationError:
        return ConfigurationError(f"XTTS_MODEL={model}: {message}")

    try:
        yield
    except GatedRepoError as error:
        raise fault("its owner asks for conditions to be accepted: do so on its page and set HF_TOKEN.") from error
    except RepositoryNotFoundError as error:
        raise fault("the hub has no such repository. Check the name; a private one needs HF_TOKEN.") from error
    except RevisionNotFoundError as error:
        raise fault(f"the repository has no revision {model.revision}.") from error
    except HfHubHTTPError as error:
        answer = f"{error.response.status_code} {error.server_message or ''}".strip()
        raise fault(f"the hub answered {answer}. Check HF_ENDPOINT and HF_TOKEN, or try again later.") from error
    except OfflineModeIsEnabled as error:
        raise fault("not in the cache yet, and HF_HUB_OFFLINE forbids to fetch it.") from error
    except httpx2.RequestError as error:
        raise fault(
            f"the hub cannot be reached ({error}). Check the network and any proxy; what has come is kept and"
            " the next start goes on from there. XTTS_MODEL may also name a folder: that needs no network."
        ) from error
    except HFValidationError as error:
        raise fault(f"no such name is possible on the hub. {error}") from error
    except ValueError as error:
        raise fault(f"the answer is not a hub's: {error}. Check HF_ENDPOINT and any proxy.") from error
