"""The text of scenario files: parsed into stories, with an error that names the line for what can't be run."""

from ._duration import parse_duration as parse_duration
from ._file import SUFFIX as SUFFIX
from ._file import parse_scenarios as parse_scenarios
from ._file import read_scenarios as read_scenarios
from ._steps import STEP_NAMES as STEP_NAMES
