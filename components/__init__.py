"""Typed components for serving language models on GKE: configs and pure builders, and thin Pulumi classes."""
