"""Pulumi's files, read as Pulumi reads them."""
