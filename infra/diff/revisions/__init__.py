"""The two sides of a diff: revisions of the project, planned by their own code."""
