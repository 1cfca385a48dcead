"""Files of any source: their paths, their content, and which of them a walk includes."""

from ._file import FileLike, FileMetadata
from ._matcher import FilePathMatcher, MatchAllFilePathMatcher, PatternFilePathMatcher
from ._path import FilePath

__all__ = [
    "FileLike",
    "FileMetadata",
    "FilePath",
    "FilePathMatcher",
    "MatchAllFilePathMatcher",
    "PatternFilePathMatcher",
]
