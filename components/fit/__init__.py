"""Whether a model fits the GPUs it is put on."""
