"""The text of scenario files: parsed into stories, with an error that names the line for what can't be run."""

from ._builder import StoryBuilder as StoryBuilder
from ._duration import duration_text as duration_text
from ._duration import parse_duration as parse_duration
from ._file import SUFFIX as SUFFIX
from ._file import parse_scenarios as parse_scenarios
from ._file import read_scenarios as read_scenarios
from ._plain import plain_step as plain_step
from ._plain import plain_story as plain_story
from ._plain import story_from_plain as story_from_plain
from ._plain import without_places as without_places
from ._promote import promoted_text as promoted_text
from ._reference import reference_page as reference_page
from ._render import story_text as story_text
from ._schema import scenario_schema as scenario_schema
from ._schema import schema_text as schema_text
from ._shapes import Plain as Plain
from ._sources import forget_source as forget_source
from ._sources import register_source as register_source
from ._sources import registered_sources as registered_sources
from ._updated import ExpectationUpdate as ExpectationUpdate
from ._updated import expectation_updates as expectation_updates
from ._updated import updated_text as updated_text
from ._vocabulary import STEP_NAMES as STEP_NAMES
