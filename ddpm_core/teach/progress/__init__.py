"""A student's progress: the file that keeps it, and the map drawn from it."""
