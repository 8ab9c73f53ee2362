"""From recordings to a voice's latents: computed once, cached, blended."""
