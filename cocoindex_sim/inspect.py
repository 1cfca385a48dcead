"""What an app has on record."""

from .runtime import list_stable_paths as list_stable_paths
from .runtime import list_stable_paths_sync as list_stable_paths_sync
