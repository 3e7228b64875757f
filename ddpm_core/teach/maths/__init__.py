"""Symbols and proofs: each formula through the function that runs, and the faults that circulate."""
