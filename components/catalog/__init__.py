"""Dated facts as data, each with its source."""
