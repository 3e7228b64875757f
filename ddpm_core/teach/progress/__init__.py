"""A student's progress: the file that stores it, and the map drawn from it."""
