"""What survives a run, as bytes: one layout, kept on disk (`LmdbStore`) or in memory (`MemoryStore`)."""

from ._directory import DATA_FILE as DATA_FILE
from ._directory import FORMAT_FILE as FORMAT_FILE
from ._directory import SUBDIRECTORY as SUBDIRECTORY
from ._empty import EmptyStore as EmptyStore
from ._empty import open_for_reading as open_for_reading
from ._layout import FORMAT_VERSION as FORMAT_VERSION
from ._lmdb import LmdbStore as LmdbStore
from ._lmdb import ReadOnlyStore as ReadOnlyStore
from ._lmdb import open_readonly as open_readonly
from ._memory import MemoryHolder as MemoryHolder
from ._memory import MemoryStore as MemoryStore
