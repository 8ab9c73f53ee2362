"""From a text to the pieces that the model can say. Knows no voices and no audio."""
