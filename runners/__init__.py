"""The GPU side: text and voice latents in, samples out. Importing this package does not import torch."""
