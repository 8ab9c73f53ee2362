"""Either of two servers answers for a job, one goes on where the other died or was restarted, and what they share may
be away for a while."""

import base64
import hashlib
import hmac
import json
import signal
import threading
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.service.cluster import SECRET, Cluster
from tests.service.server import Server, stop
from tests.service.test_bucket import delete, names, say, upload
from tests.service.test_long import LONG, SHORT, done, status, submit, until, unzip

AWAY = 20.0  # seconds that the database or the bucket is: several of their time-outs long
MANY = [{**SHORT[0], "id": f"s{index}", "text": f"Ez a(z) {index}. mondat."} for index in range(40)]


@pytest.fixture(autouse=True)
def _jobs_are_shared(cluster: Cluster) -> None:
    if not cluster.database:
        pytest.skip("Postgres is not installed (Debian's package: postgresql)")


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of MANY."""
    with cluster.servers[1].client() as client:
        return unzip(done(client, submit(client, MANY)))


def spoken(server: Server) -> bool:
    with server.client() as client:
        return client.post("/generate/simple", json={"text": "Egy."}).status_code == 200


def listed(client: httpx.Client) -> list[str]:
    return [job["task_id"] for job in client.get("/generate/long").json()["tasks"]]


def test_any_server_answers_for_a_job(cluster: Cluster) -> None:
    one, two = (server.client() for server in cluster.servers)
    with one, two:
        job = submit(one, LONG)
        assert status(two, job)["progress"]["total"] == 1
        assert listed(two)[0] == job
        busy = cluster.busy()
        idle = one if busy is cluster.servers[1] else two
        assert idle.put("/generate/long/cancel", params={"task_id": job}).json()["status"] == "canceled"
        until(lambda: not any(busy.slots()[kind] for kind in ("live", "waiting", "bulk_waiting")), within=60)
        assert status(one, job)["status"] == status(two, job)["status"] == "canceled"
        short = submit(one, SHORT)
        assert listed(two)[:2] == [short, job]
        assert unzip(done(two, short))[1].keys() == {"s0.wav", "s1.wav", "s2.wav"}


def test_a_submission_can_be_sent_again(cluster: Cluster) -> None:
    def sent(server: Server, text: str) -> httpx.Response:
        body = {"samples": [{**SHORT[0], "text": text}]}
        with server.client() as client:
            return client.post("/generate/long/submit", json=body, headers={"idempotency-key": "once"})

    [_] = {sent(server, "Egy.").json()["task_id"] for server in cluster.servers}
    refused = sent(cluster.servers[1], "Kettő.")
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "Idempotency-Key")


def test_progress_comes_as_events(cluster: Cluster) -> None:
    with cluster.servers[0].client() as client:
        job = submit(client, MANY[:8])
        with client.stream("GET", "/generate/long/events", params={"task_id": job}) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = list(answer.iter_lines())
        told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert told[-1] == status(client, job)
        assert told[-1]["status"] == "completed"
        counts = [each["progress"]["done"] for each in told]
        assert counts == sorted(counts)
        assert client.get("/generate/long/events", params={"task_id": "0" * 32}).status_code == 404


def test_a_webhook_is_told_signed_and_again_until_it_listens(cluster: Cluster) -> None:
    address = f"http://127.0.0.1:{cluster.receiver.server_port}/over?token=1"
    with cluster.servers[0].client() as client:
        body: dict[str, Any] = {"samples": SHORT, "webhook": address}
        job = client.post("/generate/long/submit", json=body).json()["task_id"]
        until(lambda: len(cluster.receiver.told) == 2)
        final = status(client, job)
        for elsewhere in ("http://127.0.0.1:1/", "http://169.254.169.254/", address.replace("http", "https", 1), "x"):
            refused = client.post("/generate/long/submit", json={**body, "webhook": elsewhere})
            assert (refused.status_code, refused.json()["error"]["param"]) == (422, "webhook")
    for headers, content in cluster.receiver.told:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
        expected = base64.b64encode(hmac.digest(base64.b64decode(SECRET), signed, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert (headers["webhook-id"], json.loads(content)) == (job, final)


def test_while_the_database_is_away_speech_goes_on_and_jobs_go_on_afterwards(cluster: Cluster) -> None:
    assert cluster.database
    with cluster.servers[0].client() as client:
        job = submit(client, MANY)
        until(lambda: status(client, job)["progress"]["done"])
        cluster.database.stop()
        back = time.monotonic() + AWAY
        try:
            for server in cluster.servers:
                assert spoken(server)
                for method, path in (("POST", "/submit"), ("GET", "/status"), ("PUT", "/cancel"), ("GET", "")):
                    address = f"{server.url}/generate/long{path}"
                    body = {"samples": SHORT} if method == "POST" else None
                    answer = httpx.request(method, address, params={"task_id": job}, json=body, timeout=300)
                    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "jobs_away"), address
                    assert int(answer.headers["retry-after"]) > 0
                assert server.slots()["total"]
            while time.monotonic() < back:
                assert all(map(spoken, cluster.servers))
                time.sleep(1)
        finally:
            cluster.database.start()
        until(lambda: client.get("/generate/long").status_code == 200, within=60)
        manifest, files = unzip(done(client, job))
    assert manifest["totals"]["done"] == len(files) == len(MANY)


def test_while_the_bucket_is_away_jobs_wait_and_go_on_afterwards(cluster: Cluster) -> None:
    with cluster.servers[0].client() as client:
        job = submit(client, MANY)
        until(lambda: status(client, job)["progress"]["done"])
        cluster.bucket.go()
        back = time.monotonic() + AWAY
        try:
            refused = client.post("/generate/long/submit", json={"samples": SHORT})
            assert (refused.status_code, refused.json()["error"]["type"]) == (503, "storage_away")
            assert int(refused.headers["retry-after"]) > 0
            while time.monotonic() < back:
                assert all(map(spoken, cluster.servers))
                time.sleep(1)
        finally:
            cluster.bucket.come()
        manifest, files = unzip(done(client, job))
    assert manifest["totals"]["done"] == len(files) == len(MANY)


def test_both_are_restarted_one_after_the_other_and_nothing_is_lost(
    cluster: Cluster, undisturbed: tuple[dict[str, Any], dict[str, bytes]]
) -> None:
    over = threading.Event()
    routed = set(cluster.servers)
    answers: list[bool] = []

    def ask() -> None:
        while not over.wait(0.5):
            answers.extend(map(spoken, list(routed)))

    with cluster.servers[1].client() as client:
        job = submit(client, MANY)
        until(lambda: status(client, job)["progress"]["done"])
    busy = cluster.busy()  # so the job is taken from under it
    one_after_the_other = sorted(cluster.servers, key=lambda server: server is not busy)
    caller = threading.Thread(target=ask)
    caller.start()
    try:
        for server in one_after_the_other:
            routed.remove(server)  # as Kubernetes does, some seconds before it tells a server to end
            time.sleep(2)
            routed.add(cluster.restart(server))
    finally:
        over.set()
        caller.join()
    with cluster.servers[0].client() as client:
        assert unzip(done(client, job))[1] == undisturbed[1]
    assert answers
    assert all(answers)


def test_a_killed_servers_job_is_gone_on_with_and_comes_out_the_same(
    cluster: Cluster, undisturbed: tuple[dict[str, Any], dict[str, bytes]]
) -> None:
    """It is killed half way through an upload, too, which is then no voice."""
    with cluster.servers[0].client() as client:
        job = submit(client, MANY)
        until(lambda: status(client, job)["progress"]["done"] >= 4)
    killed = cluster.busy()
    other = next(server for server in cluster.servers if server is not killed)

    def kill(request: str) -> None:
        if request.startswith("PUT") and "/uploads/" in request:
            own = psutil.Process(killed.process.pid)
            for process in [*own.children(recursive=True), own]:
                process.kill()

    with other.client() as client:
        cluster.bucket.before = kill
        try:
            with pytest.raises(httpx.TransportError):
                upload(killed, "half")
        finally:
            cluster.bucket.before = lambda request: None
        assert killed.process.wait(60) == -signal.SIGKILL
        at = status(client, job)
        killed_at = time.monotonic()
        assert at["status"] == "in_progress"
        assert at["progress"]["done"] < len(MANY)
        until(lambda: status(client, job)["progress"] != at["progress"])
        print(f"another goes on after {time.monotonic() - killed_at:.1f} s")
        manifest, files = unzip(done(client, job))
        assert status(client, job)["progress"]["passages_done"] == len(MANY)
    assert [entry["id"] for entry in manifest["samples"]] == [sample["id"] for sample in MANY]
    assert files == undisturbed[1]
    assert manifest["samples"] == undisturbed[0]["samples"]
    assert say(other, "half").status_code == 404
    assert "half" not in names(other)
    assert upload(other, "half").status_code == 201
    assert delete(other, "half").status_code == 204


def test_a_server_stops_while_the_database_is_away(cluster: Cluster) -> None:
    with cluster.alive()[0].client() as client:
        submit(client, LONG)
    busy = cluster.busy()
    assert cluster.database
    cluster.database.stop()
    try:
        assert stop(busy) == 0
    finally:
        cluster.database.start()
