"""Imports point one way: service.py -> api/ -> the part of runners/ that does not import torch -> bentoml_patches/."""

import ast
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("service", "api", "runners", "bentoml_patches")  # none imports those before it
FILES = [ROOT / "service.py", *(file for layer in LAYERS for file in (ROOT / layer).rglob("*.py"))]
MODULES = {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in FILES}


def imports(module: str, *, lazy: bool) -> set[str]:
    """The modules that it imports, ours by their full names; `lazy`: within functions, too."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & MODULES.keys()) or {node.module}
    return found


def room(module: str) -> str:
    """`api.voices` of everything in it; a module of no package is its own room."""
    return ".".join(module.split(".")[:2])


def loaded_with(module: str) -> set[str]:
    """Everything that importing it imports, of ours and from elsewhere."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imports(waiting.pop(), lazy=False) - seen:
            seen.add(name)
            waiting += [name] if name in MODULES else []
    return seen


def in_order(graph: Mapping[str, Iterable[str]]) -> None:
    """Raises CycleError, which names the cycle."""
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_imported_from_above(module: str) -> None:
    above = LAYERS[: LAYERS.index(module.split(".")[0])]
    outside = {*above, "client", "tests", "benchmarks"}
    assert not {name for name in imports(module, lazy=True) if name.split(".")[0] in outside}


@pytest.mark.parametrize("module", [module for module in MODULES if module == "service" or module.startswith("api.")])
def test_the_http_side_does_without_torch(module: str) -> None:
    assert not {name for name in loaded_with(module) if name.split(".")[0] in ("torch", "torchaudio", "TTS")}


def test_the_packages_of_api_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        if module.startswith("api."):
            others = {room(name) for name in imports(module, lazy=True) if name.startswith("api.")}
            graph.setdefault(room(module), set()).update(others - {room(module)})
    in_order(graph)


def test_no_modules_form_a_cycle() -> None:
    in_order({module: imports(module, lazy=False) & MODULES.keys() for module in MODULES})


def test_a_cycle_would_be_seen() -> None:
    with pytest.raises(CycleError):
        in_order({"a": ["b"], "b": ["c"], "c": ["a"]})
