"""All that is done to BentoML, each with its reason in README.md. Imports nothing of ours, and no torch."""
