"""The HTTP side: validate, choose the voice, assemble, encode. Never imports torch."""
