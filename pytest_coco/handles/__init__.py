"""What the fixtures give: handles on the parts of one world, with expectations that say what was instead."""

from ._app import CocoApp as CocoApp
from ._clock import CocoClock as CocoClock
from ._files import CocoFiles as CocoFiles
from ._target import CocoTarget as CocoTarget
from ._timeline import CocoTimeline as CocoTimeline
from ._timeline import Happening as Happening
from ._unmet import Unmet as Unmet
