"""Makes the demo voice: espeak-ng's speech in, a checkpoint in XTTS-v2's layout out. Not a part of the server."""
