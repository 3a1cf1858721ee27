"""Engines and the model server that runs one."""
