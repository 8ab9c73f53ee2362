"""The one document: whether all of it is there, whether its examples work, and whether it tells the truth."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.server import Server

FUZZING = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture(scope="module")
def document(prefixed: Server) -> dict[str, Any]:
    made: dict[str, Any] = httpx.get(f"{prefixed.url}/docs.json").raise_for_status().json()
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_the_page_shows_the_document_and_nothing_from_elsewhere(prefixed: Server) -> None:
    with prefixed.client() as client:
        page = client.get("/docs")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        for file in ("swagger-ui.css", "swagger-ui-bundle.js"):
            assert client.get(f"/static_content/{file}").status_code == 200
            assert f"./static_content/{file}" in page.text
    assert "./docs.json" in page.text
    assert "http" not in page.text


def test_languages_are_the_models(prefixed: Server, document: dict[str, Any]) -> None:
    languages = httpx.get(f"{prefixed.url}/health").json()["languages"]
    assert document["components"]["schemas"]["SimpleRequest"]["properties"]["language"]["examples"] == [
        *languages,
        "auto",
    ]


def test_every_route_is_described(prefixed: Server, document: dict[str, Any]) -> None:
    with prefixed.client() as client:
        bentomls = {route["route"] for route in client.get("/schema.json").json()["routes"]}
    assert bentomls
    assert bentomls <= set(document["paths"])
    assert {"/voices", "/voices/{name}", "/health", "/livez", "/readyz", "/metrics"} <= set(document["paths"])
    assert not any(schema.startswith("HTTPValidation") for schema in document["components"]["schemas"])
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        assert operation["tags"], (method, path)
        assert any(status < "300" for status in operation["responses"])


def test_every_error_has_the_one_body(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"]
            if status >= "400":
                body = "OpenAIErrorBody" if path.startswith("/v1/") else "ErrorBody"
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{body}"}, (method, path, status)


def test_a_style_is_a_name_or_weights(document: dict[str, Any]) -> None:
    style = document["components"]["schemas"]["SimpleRequest"]["properties"]["style"]
    assert [each["type"] for each in style["anyOf"]] == ["string", "object", "null"]


def test_the_examples_work(server: Server, document: dict[str, Any]) -> None:
    worked = []
    with server.client() as client:
        for method, path, operation in operations(document):
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in content.get("examples", {}).items():
                response = client.request(method, path, json=example["value"])
                assert response.status_code < 300, (method, path, name, response.text)
                worked.append((path, name))
            if method == "GET" and "/generate/long/" not in path:  # a job's name is not known beforehand
                needed = [each for each in operation.get("parameters", []) if each["required"]]
                values = {each["name"]: each["schema"]["examples"][0] for each in needed}
                response = client.get(path.format(**values), params={} if "{" in path else values)
                assert response.status_code == 200, path
                worked.append((path, method))
    assert len(worked) > 15


def test_no_case_of_the_document_finds_what_is_not_documented(prefixed: Server, tmp_path: Path) -> None:
    """All that the schemas can tell apart, the same each time. Random ones: see the file."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(FUZZING), "--no-color"]
    command += ["run", f"{prefixed.url}/docs.json", "--url", prefixed.url, "--max-examples", "15"]
    command += ["--phases", "coverage", "--workers", "1"]  # in several threads 3.11's `ast` fails now and then
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) generated", done.stdout)[0]) > 80
