"""The commands of the package: a file for each, and what they have in common."""
