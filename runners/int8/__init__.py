"""The GPT's transformer blocks in 8-bit weights, for CPUs: exact integer products, so no row depends on another."""
