"""The same story elsewhere: on real files, by our engine or by CocoIndex itself, in a process that can be killed."""

from ._arm import COCOINDEX as COCOINDEX
from ._arm import REAL as REAL
from ._arm import Arm as Arm
from ._arm import ArmError as ArmError
from ._arm import find_cocoindex as find_cocoindex
from ._arm import real_arm as real_arm
from ._container import KafkaContainer as KafkaContainer
from ._judged import JUDGED as JUDGED
from ._judged import Judged as Judged
from ._nursery import Nursery as Nursery
from ._perform import Elsewhere as Elsewhere
from ._perform import Limits as Limits
from ._sim_only import left_out as left_out
from ._sim_only import sim_only as sim_only
from ._sim_only import uses_kafka as uses_kafka
