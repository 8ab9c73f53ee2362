"""A voice in a bucket is there whole or not at all, once, for every server that looks."""

import hashlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.errors import UnknownVoice, VoiceExists
from api.names import composed, is_name
from api.voices import bucket as module
from api.voices.bucket import BucketVoices
from api.voices.clip_judge import ClipFacts, Verdict
from api.voices.folder import BrokenVoice, StoredClip
from api.voices.library import VoiceLibrary
from runners.errors import InvalidInput, StorageAway
from runners.storage import Storage
from tests.api.voices.test_store import HOSTILE
from tests.bucket import Bucket, bucket_here

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with bucket_here("voices") as there:
        yield there
        there.before = lambda request: None


@pytest.fixture
def url(bucket: Bucket, tmp_path: Path) -> str:
    return f"s3://{bucket.name}/{tmp_path.name}"


def server(url: str, tmp_path: Path) -> BucketVoices:
    return BucketVoices(Storage(url), tmp_path / "drafts")


def put(voices: BucketVoices, name: str, clip: bytes = b"clip", language: str = "hu") -> None:
    with voices.draft() as draft:
        draft.write("neutral.wav", clip)
        draft.write("voice.yaml", f"language: {language}\n".encode())
        voices.publish(draft, name)


def clip_of(voices: BucketVoices, name: str, storage: Storage) -> bytes:
    profile = voices.find(name)
    assert profile is not None
    return storage.read(storage.key_of(str(profile.styles["neutral"])) or "")


def test_a_draft_becomes_a_voice_whole(bucket: Bucket, url: str, tmp_path: Path) -> None:
    voices, other = server(url, tmp_path), server(url, tmp_path / "other")
    verdict = Verdict(ClipFacts(7.0, 6.5, 24_000, 40.0, -20.0, 0.0), (), ("speech is quiet.",))
    digest = hashlib.sha256(b"clip").hexdigest()
    with voices.draft() as draft:
        written = draft.write("neutral.wav", b"clip")
        assert written.read_bytes() == b"clip"
        other.refresh()
        assert other.names() == voices.names() == set()
        voices.publish(draft, "anna", {digest: verdict})
    assert list((tmp_path / "drafts").iterdir()) == []
    other.refresh()
    library = VoiceLibrary(tmp_path / "none", bucket=other)
    profile = library.find("anna")
    clip = profile.styles["neutral"]
    assert isinstance(clip, StoredClip)
    assert (clip.name, clip.digest, clip.verdict) == ("neutral.wav", digest, verdict)
    assert clip_of(other, "anna", Storage(url)) == b"clip"
    (reference,) = library.resolve("anna").references
    assert (reference.path, reference.digest, reference.weight) == (str(clip), digest, 1.0)
    assert other.owns(profile)


@pytest.mark.parametrize("name", ["anna", "anna (2)"])  # the second reads as a blend of the first
def test_a_voice_that_came_a_moment_ago_speaks(url: str, tmp_path: Path, name: str) -> None:
    voices, other = server(url, tmp_path), server(url, tmp_path)
    library = VoiceLibrary(tmp_path / "none", bucket=other)
    with pytest.raises(UnknownVoice):
        library.resolve(name)
    put(voices, name)
    assert library.find(name) is None  # which never asks
    assert library.resolve(name).references
    assert library.names([]) == [name]


NAMES = st.one_of(st.sampled_from(["anna", "Éva (2)", "E\u0301va", "o'brien"]), st.text(max_size=8).map(composed))


@given(acts=st.lists(st.tuples(st.booleans(), st.integers(0, 1), NAMES.filter(is_name)), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_servers_agree_on_what_is_there(
    bucket: Bucket, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[bool, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("voices")
    storage = Storage(f"s3://{bucket.name}/{folder.name}")
    servers = [BucketVoices(storage, folder / "drafts") for _ in range(2)]
    there: dict[str, bytes] = {}
    for number, (comes, which, name) in enumerate(acts):
        clip, name_there = str(number).encode(), composed(name)
        if not comes:
            assert servers[which].delete(name) is (name_there in there)
            there.pop(name_there, None)
        elif name_there in there:
            with pytest.raises(VoiceExists):
                put(servers[which], name, clip)
        else:
            put(servers[which], name, clip)
            there[name_there] = clip
        assert servers[which].holds(name) is (name_there in there)  # at once, where it was done
    for each in servers:
        each.refresh()
        assert each.names() == there.keys()
        assert {name: clip_of(each, name, storage) for name in there} == there
    assert len(storage.list("uploads")) == 2 * len(there)  # a refused upload leaves nothing, and neither does a delete


def test_of_many_at_once_one_wins(url: str, tmp_path: Path) -> None:
    outcomes: list[int] = []
    barrier = threading.Barrier(6)

    def race(number: int) -> None:
        voices = server(url, tmp_path / str(number))
        barrier.wait()
        with suppress(VoiceExists):
            put(voices, "anna", str(number).encode())
            outcomes.append(number)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    voices = server(url, tmp_path)
    voices.refresh()
    assert outcomes == [int(clip_of(voices, "anna", Storage(url)))]


PUBLISH = """
import sys
from pathlib import Path
from api.voices.bucket import BucketVoices
from runners.storage import Storage
voices = BucketVoices(Storage(sys.argv[1]), Path(sys.argv[2]))
with voices.draft() as draft:
    draft.write("neutral.wav", b"clip" * 10_000)
    draft.write("voice.yaml", b"language: hu")
    voices.publish(draft, "anna")
"""


@pytest.mark.parametrize("request_number", [1, 2, 3])
def test_a_kill_at_any_request_leaves_no_part_of_a_voice(
    bucket: Bucket, url: str, tmp_path: Path, request_number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", PUBLISH, url, str(tmp_path / "drafts")]
    with subprocess.Popen(command, cwd=ROOT) as process:
        asked: list[str] = []

        def kill(request: str) -> None:
            asked.append(request)
            if len(asked) == request_number:
                process.send_signal(signal.SIGKILL)

        bucket.before = kill
        assert process.wait(120) == -signal.SIGKILL
        bucket.before = lambda request: None
    voices, storage = server(url, tmp_path), Storage(url)
    voices.refresh()
    whole = len(storage.list("voices"))
    assert len(voices.names()) == whole <= (request_number == 3)  # the bucket may do what it was asked by the dead
    if whole:
        assert clip_of(voices, "anna", storage) == b"clip" * 10_000
    left = len(storage.list("uploads"))
    voices.sweep()
    assert len(storage.list("uploads")) == left  # it may be an upload that goes on
    monkeypatch.setattr(module, "ABANDONED", -60.0)
    voices.sweep()
    assert len(storage.list("uploads")) == 2 * whole
    if not whole:
        put(voices, "anna")


def test_an_answer_that_is_lost_is_no_conflict(
    bucket: Bucket, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt is done, but not heard of; the second is told that the name is taken."""
    storage = Storage(url)
    once = storage.put

    def twice(key: str, content: bytes, *, new: bool = False) -> None:
        once(key, content, new=new)
        if new:
            once(key, content, new=new)

    monkeypatch.setattr(storage, "put", twice)
    voices = BucketVoices(storage, tmp_path)
    put(voices, "anna")
    assert clip_of(voices, "anna", storage) == b"clip"


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b'{"upload": "../../somewhere", "settings": {}, "styles": {}}',
        b'{"upload": "0123456789abcdef0123456789abcdef", "settings": {}, "styles": {}}',
        b'{"upload": "0123456789abcdef0123456789abcdef", "settings": {"default_blend": {"a": 1}}, "styles": {}}',
    ],
)
def test_a_damaged_manifest_is_one_broken_voice(url: str, tmp_path: Path, manifest: bytes) -> None:
    storage, voices = Storage(url), server(url, tmp_path)
    put(voices, "anna")
    storage.put("voices/bela.json", manifest)
    storage.put("voices/.hidden", b"")
    voices.refresh()
    library = VoiceLibrary(tmp_path / "none", bucket=voices)
    assert [profile.name for profile in library.profiles()] == ["anna"]
    (fault,) = library.faults()
    assert fault.message == "Voice 'bela' cannot be used: its manifest in the bucket is damaged."
    with pytest.raises(BrokenVoice):
        library.resolve("bela")
    assert voices.delete("bela")
    assert not voices.holds("bela")


def test_what_happens_while_it_looks_is_not_forgotten(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(url)
    voices, listed = BucketVoices(storage, tmp_path), storage.list

    def slowly(folder: str) -> object:
        found = listed(folder)
        if not voices.holds("anna"):
            put(voices, "anna")
        return found

    monkeypatch.setattr(storage, "list", slowly)
    voices.refresh()
    assert voices.holds("anna")
    voices.refresh()
    assert voices.holds("anna")


def test_away(bucket: Bucket, url: str, tmp_path: Path) -> None:
    voices = server(url, tmp_path)
    put(voices, "anna")
    library = VoiceLibrary(tmp_path / "none", bucket=voices)
    bucket.go()
    try:
        assert library.resolve("anna").references
        with pytest.raises(StorageAway):
            library.resolve("bela")
        with pytest.raises(StorageAway):
            voices.delete("anna")
        with pytest.raises(StorageAway), voices.draft():
            pass
        assert voices.names() == {"anna"}
    finally:
        bucket.come()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_key_is_made_of_a_hostile_name(bucket: Bucket, url: str, tmp_path: Path, name: str) -> None:
    voices = server(url, tmp_path)
    before = bucket.objects()
    assert not voices.delete(name)
    assert not voices.look(name)
    assert not voices.holds(name)
    with pytest.raises(InvalidInput, match="name for a voice"):
        put(voices, name)
    assert bucket.objects() == before
