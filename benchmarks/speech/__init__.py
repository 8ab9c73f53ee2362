"""How well a checkpoint speaks: read back by a recogniser, timed, and its pitch measured, beside espeak-ng."""
