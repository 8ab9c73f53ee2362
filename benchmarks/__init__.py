"""How fast, how exact, how it grows: `python -m benchmarks NAME`. Nothing that serves imports from here."""
