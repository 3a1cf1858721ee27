"""A diff's report in the forms that people and machines read; each is written from a `Report` and from nothing else."""
