"""A file system in memory: the inodes (`FileKernel`), the port a simulated process uses them by, and its watches."""

from ._faults import FAULT_CALLS as FAULT_CALLS
from ._faults import FAULT_KINDS as FAULT_KINDS
from ._faults import HAZARD_KINDS as HAZARD_KINDS
from ._faults import FaultPlan as FaultPlan
from ._faults import FileFault as FileFault
from ._faults import InjectedFault as InjectedFault
from ._file_system import FakeFileSystem as FakeFileSystem
from ._file_system import Faults as Faults
from ._inodes import Directory as Directory
from ._inodes import File as File
from ._inodes import Link as Link
from ._inodes import Node as Node
from ._kernel import FileKernel as FileKernel
from ._kernel import Writer as Writer
from ._kernel_change import KernelChange as KernelChange
from ._profiles import PROFILES as PROFILES
from ._profiles import WatchProfile as WatchProfile
from ._system_calls import SystemCalls as SystemCalls
from ._watch import FakeWatch as FakeWatch
from ._watching import Watching as Watching
