"""What a workflow posts: comments, notes, issues, annotations. Standard library only, so that nothing is installed.

The job that posts has a token that writes, and what it posts was made by a pull request's code. So it runs the default
branch's copy of this package, takes the artifact for data that somebody hostile wrote, and never runs any of it.
"""
