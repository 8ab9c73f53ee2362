"""The demo checkpoint: a small XTTS-v2 in the real layout, made on the spot. It hums; it does not speak.

Its weights are seeded random ones with a little order made by hand, so that text, voice, language, style and
seed all matter and an utterance ends when its text does. Nothing is trained: no two machines train alike.
"""

from runners.demo.checkpoint import DEMO_VERSION, make_demo

__all__ = ["DEMO_VERSION", "make_demo"]
