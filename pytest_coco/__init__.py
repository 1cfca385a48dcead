"""The pytest plugin of cocoindex-sim."""
