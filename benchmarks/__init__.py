"""How fast, how exact, how it grows: `python -m benchmarks NAME`. Nothing that serves imports from here."""

from runners.cpu import settle_openmp

settle_openmp()  # before any of them imports torch
