"""What an app has on record."""

from .runtime import list_stable_paths, list_stable_paths_sync

__all__ = ["list_stable_paths", "list_stable_paths_sync"]
