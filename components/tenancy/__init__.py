"""Namespaces, quotas and priority classes."""
