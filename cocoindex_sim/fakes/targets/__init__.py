"""An external target of rows that keeps a journal: its state, and the client a sink writes by."""

from ._client import RowAction as RowAction
from ._client import TargetClient as TargetClient
from ._client import TargetError as TargetError
from ._kernel import TARGET_TROUBLES as TARGET_TROUBLES
from ._kernel import JournalEntry as JournalEntry
from ._kernel import JournalTarget as JournalTarget
from ._kernel import Moment as Moment
