"""Local files: walking directories, and files and directories as targets."""

from ._file import File as File
from ._path import FilePath as FilePath
from ._source import DirWalker as DirWalker
from ._source import walk_dir as walk_dir
from ._target import DirTarget as DirTarget
from ._target import declare_dir_target as declare_dir_target
from ._target import declare_file as declare_file
from ._target import dir_target as dir_target
from ._target import mount_dir_target as mount_dir_target

__all__ = [
    "DirTarget",
    "DirWalker",
    "File",
    "FilePath",
    "declare_dir_target",
    "declare_file",
    "dir_target",
    "mount_dir_target",
    "walk_dir",
]
