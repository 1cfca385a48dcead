"""The engine: what a pipeline declares, compared with what was recorded, applied and recorded again.

Pure with respect to the world outside: time, files, threads and storage come through `ports` and the event loop.
"""

from ._build import Invocation as Invocation
from ._build import invocation_of as invocation_of
from ._codec import decode_value as decode_value
from ._codec import encode_value as encode_value
from ._codec import serialize_by_pickle as serialize_by_pickle
from ._codec import unpickle_safe as unpickle_safe
from ._component import ComponentContext as ComponentContext
from ._component import Phase as Phase
from ._component import current_component as current_component
from ._component import current_context as current_context
from ._context_keys import ContextKey as ContextKey
from ._context_keys import ContextProvider as ContextProvider
from ._declare import declare_target_state as declare_target_state
from ._declare import declare_target_state_with_child as declare_target_state_with_child
from ._declare import use_context as use_context
from ._fingerprint import Fingerprint as Fingerprint
from ._fingerprint import NotMemoKeyable as NotMemoKeyable
from ._fingerprint import fingerprint_bytes as fingerprint_bytes
from ._fingerprint import fingerprint_object as fingerprint_object
from ._fingerprint import fingerprint_str as fingerprint_str
from ._fingerprint import memo_fingerprint as memo_fingerprint
from ._fingerprint import register_memo_key_function as register_memo_key_function
from ._function import LogicTracking as LogicTracking
from ._function import fn as fn
from ._memo_state import MemoStateOutcome as MemoStateOutcome
from ._mount import ComponentMountHandle as ComponentMountHandle
from ._mount import map as map
from ._mount import mount as mount
from ._mount import mount_each as mount_each
from ._mount import mount_target as mount_target
from ._mount import use_mount as use_mount
from ._process import Process as Process
from ._process import current_process as current_process
from ._process import offer_root_provider as offer_root_provider
from ._process import set_production_process as set_production_process
from ._run import Run as Run
from ._run import RunMode as RunMode
from ._stats import ComponentStats as ComponentStats
from ._stats import UpdateStats as UpdateStats
from ._subpath import ComponentSubpath as ComponentSubpath
from ._subpath import component_subpath as component_subpath
from ._targets import MaybePendingS as MaybePendingS
from ._targets import PendingS as PendingS
from ._targets import PendingTargetStateProvider as PendingTargetStateProvider
from ._targets import ResolvedS as ResolvedS
from ._targets import ResolvesTo as ResolvesTo
from ._targets import TargetActionSink as TargetActionSink
from ._targets import TargetHandler as TargetHandler
from ._targets import TargetReconcileOutput as TargetReconcileOutput
from ._targets import TargetState as TargetState
from ._targets import TargetStateProvider as TargetStateProvider
from ._targets import register_root_target_states_provider as register_root_target_states_provider
