"""A training as a job: what it is told, the child process that does it, and the directory that comes of it."""
