"""A machine that figures were measured on, made up."""

from benchmarks.hardware import Hardware

MACHINE = Hardware("Some CPU", 2, 16.0, "", 0.0, "13.0", 20.0, "cpu", {"torch": "2.11.0"}, "abc1234", "2026-11-22")
