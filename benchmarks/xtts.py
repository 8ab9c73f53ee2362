"""What every checkpoint of XTTS-v2 has in common. No torch."""

CODE_SECONDS = 1024 / 22050  # of audio in a code
PREFIX = 32 + 3  # positions before the codes, the text apart: the voice, two marks around the text, the start code
