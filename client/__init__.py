"""Batch files: JSON samples in, audio files and a manifest out. A client of the server's generate routes."""
