"""Samples in, samples or the bytes of a file out. Knows no text, no voices and no HTTP."""
