"""A file system in memory: the inodes (`FileKernel`), the port a simulated process uses them by, and its watches."""

from ._file_system import FakeFileSystem as FakeFileSystem
from ._file_system import Faults as Faults
from ._kernel import FileKernel as FileKernel
from ._kernel import Writer as Writer
from ._kernel_change import KernelChange as KernelChange
from ._profiles import PROFILES as PROFILES
from ._profiles import WatchProfile as WatchProfile
from ._watch import FakeWatch as FakeWatch
from ._watching import Watching as Watching
