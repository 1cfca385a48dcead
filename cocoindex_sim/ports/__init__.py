"""What the engine and the connectors ask of the world outside: protocols and the records that cross them."""

from ._bundle import Ports as Ports
from ._clock import Clock as Clock
from ._file_system import DirectoryEntry as DirectoryEntry
from ._file_system import FileKind as FileKind
from ._file_system import FileStat as FileStat
from ._file_system import FileSystem as FileSystem
from ._file_watch import ChangeKind as ChangeKind
from ._file_watch import FileChange as FileChange
from ._file_watch import FileWatch as FileWatch
from ._observer import Observer as Observer
from ._state_store import ComponentMemo as ComponentMemo
from ._state_store import ComponentRecord as ComponentRecord
from ._state_store import Dependencies as Dependencies
from ._state_store import Generation as Generation
from ._state_store import MemoRecord as MemoRecord
from ._state_store import Record as Record
from ._state_store import RecordKey as RecordKey
from ._state_store import RecordKind as RecordKind
from ._state_store import StateRecord as StateRecord
from ._state_store import StateSpace as StateSpace
from ._state_store import StateStore as StateStore
from ._state_store import StoredValue as StoredValue
from ._state_store import TargetRecord as TargetRecord
from ._state_store import TombstoneRecord as TombstoneRecord
from ._state_store import Write as Write
