"""A file system in memory: the inodes (`FileKernel`), and the port a simulated process uses them by."""

from ._file_system import FakeFileSystem as FakeFileSystem
from ._file_system import Faults as Faults
from ._kernel import FileKernel as FileKernel
from ._kernel import Writer as Writer
