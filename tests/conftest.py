"""Fixtures every test may use. The model is the demo checkpoint: small, sensitive, made on the spot."""
