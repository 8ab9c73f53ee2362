"""Builds the real image on a stand-in for its base, runs it hardened and tries it: `make image-test`."""
