"""Every figure of the CUDA path, in ten minutes."""
