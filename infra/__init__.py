"""The Pulumi program and the tools around it."""
