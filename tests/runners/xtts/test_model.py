"""Our own model against upstream's: see test_layouts.py for its tensors, test_conditioner.py and the parity tests for
what it computes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LOAD = """
import sys, torch
from pathlib import Path
import runners.synthesizer
from runners.checkpoint.look import look_at
from runners.xtts.checkpoint import load_checkpoint

load_checkpoint(look_at(Path(sys.argv[1])), torch.device("cpu"))
print({"transformers", "torch._dynamo", "sympy"} & set(sys.modules))
"""


def test_loading_imports_no_compiler_and_no_transformers(hum: Path) -> None:
    """They would take longer than all else at a start."""
    answer = subprocess.run([sys.executable, "-c", LOAD, hum], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip().endswith("set()")
