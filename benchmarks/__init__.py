"""Both engines at the same work, side by side; README.md says how to run it."""
