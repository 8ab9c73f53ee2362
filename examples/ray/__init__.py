"""A million texts: a data job on a Ray cluster. See docs/offline.md."""
