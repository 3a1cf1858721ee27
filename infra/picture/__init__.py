"""The picture of an environment: Mermaid and SVG."""
