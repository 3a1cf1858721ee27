"""The engines a model can run on, a folder an engine."""
