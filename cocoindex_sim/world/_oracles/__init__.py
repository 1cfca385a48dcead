"""The oracles: rules that hold for every pipeline in every run, so that nobody has to write them down.

Each rule is a verdict from values to values in a file of its own. What the rules need of a world is collected by
`_changes`, `_reports` and `_reference`; `_judges` brings both together.
"""

from ._judges import Attendance as Attendance
from ._judges import Judges as Judges
from ._offsets import offsets as offsets
from ._reference import shared_references as shared_references
from ._termination import is_endless as is_endless
from ._termination import no_end as no_end
from ._violation import ORACLES as ORACLES
from ._violation import OracleViolated as OracleViolated
from ._violation import Violation as Violation
from ._violation import difference_lines as difference_lines
