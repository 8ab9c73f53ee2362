"""The GPT's transformer blocks in 10-bit weights, for CPUs: exact integer products, so no row depends on another."""
