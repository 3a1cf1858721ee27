"""Autoscalers."""
