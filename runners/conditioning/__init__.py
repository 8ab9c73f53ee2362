"""From recordings to a voice's latents: heard once, kept, blended."""
