"""Upstream's network, done our way: the GPT over slots, the sampling of its codes, the vocoder over windows."""
