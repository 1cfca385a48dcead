"""Walking a directory, once or for as long as the pipeline runs."""

from __future__ import annotations

import pathlib
from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta

from ...engine import ContextKey, current_process
from ...resources.file import FilePathMatcher
from ._file import File
from ._live_items import LiveItems
from ._path import FilePath, as_file_path
from ._walk import FoundFile, Walk

__all__ = ["DirWalker", "walk_dir"]


class DirWalker:
    """The files of a directory, found anew by every iteration. `async for` gives the files.

    Each directory's files come sorted by name, then what is below its subdirectories.
    """

    def __init__(
        self,
        path: FilePath | pathlib.Path | ContextKey[pathlib.Path] | str,
        *,
        live: bool = False,
        recursive: bool = False,
        path_matcher: FilePathMatcher | None = None,
        rescan_interval: timedelta | None = timedelta(hours=1),
    ) -> None:
        self._root = as_file_path(path)
        self._live = live
        self._recursive = recursive
        self._path_matcher = path_matcher
        self._rescan_interval = rescan_interval

    async def __aiter__(self) -> AsyncIterator[File]:
        walk = self._walk()
        async for found in walk.files():
            yield walk.file(found)

    def items(self) -> AsyncIterable[tuple[str, File]]:
        """Pairs of POSIX path relative to the walked directory, and file; for `mount_each`.

        With `live` it is a `LiveMapView`: in a live update, `mount_each` goes on with what changes. ValueError for a
        name that is not valid UTF-8: it can't be a key.
        """
        if self._live:
            return LiveItems(self._walk, self._check_key, self._recursive, self._rescan_interval)
        return self._items()

    async def _items(self) -> AsyncIterator[tuple[str, File]]:
        walk = self._walk()
        async for found in walk.files():
            self._check_key(found)
            yield found.relative, walk.file(found)

    def _check_key(self, found: FoundFile) -> None:
        if found.relative.isascii():
            return
        try:
            found.relative.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"File name is not valid UTF-8: {found.relative!r} in {str(self._root)!r};"
                " rename it or exclude it with `path_matcher`"
            ) from None

    def _walk(self) -> Walk:
        ports = current_process().ports
        return Walk(
            ports.file_system,
            ports.clock,
            self._root,
            str(self._root.resolve()),
            recursive=self._recursive,
            path_matcher=self._path_matcher,
        )


def walk_dir(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path] | str,
    *,
    live: bool = False,
    recursive: bool = False,
    path_matcher: FilePathMatcher | None = None,
    rescan_interval: timedelta | None = timedelta(hours=1),
) -> DirWalker:
    """The files of a directory, for `async for` or, through `items()`, for `mount_each`.

    Regular files only, hidden ones too; links are followed, except to a directory they are inside of. Unreadable
    subdirectories are skipped. `path_matcher` sees paths relative to the directory. ValueError at iteration if the path
    is not a directory.

    With `live`, `items()` can be followed: a live update processes what changes, as the operating system tells it,
    and every `rescan_interval` (None: never) looks at everything again with a fresh watch, because watches may fall
    silent. Changes behind symbolic links may wait until then. Times and permissions alone are no change.
    """
    return DirWalker(path, live=live, recursive=recursive, path_matcher=path_matcher, rescan_interval=rescan_interval)
