"""Batch files: JSON samples in, sound files and a manifest out. Talks to the server over HTTP alone."""
