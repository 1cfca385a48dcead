"""CocoIndex v1's programming model, in pure Python: `TargetState = f(SourceState)`, run incrementally and durably.

The names below are CocoIndex's. `docs/api-parity.md` lists every one of them, with what is planned.
"""

from .engine import ChildSlot as ChildSlot
from .engine import ChildTargetDef as ChildTargetDef
from .engine import ComponentContext as ComponentContext
from .engine import ComponentMountHandle as ComponentMountHandle
from .engine import ComponentStats as ComponentStats
from .engine import ComponentSubpath as ComponentSubpath
from .engine import ContextKey as ContextKey
from .engine import ContextProvider as ContextProvider
from .engine import DeadlineExceededError as DeadlineExceededError
from .engine import ExceptionContext as ExceptionContext
from .engine import ExceptionHandler as ExceptionHandler
from .engine import LogicTracking as LogicTracking
from .engine import MaybePendingS as MaybePendingS
from .engine import MemoStateOutcome as MemoStateOutcome
from .engine import NotMemoKeyable as NotMemoKeyable
from .engine import PendingS as PendingS
from .engine import PendingTargetStateProvider as PendingTargetStateProvider
from .engine import ResolvedS as ResolvedS
from .engine import ResolvesTo as ResolvesTo
from .engine import RetryWithSmallerBatch as RetryWithSmallerBatch
from .engine import Runner as Runner
from .engine import StateHandle as StateHandle
from .engine import TargetActionSink as TargetActionSink
from .engine import TargetHandler as TargetHandler
from .engine import TargetReconcileOutput as TargetReconcileOutput
from .engine import TargetState as TargetState
from .engine import TargetStateProvider as TargetStateProvider
from .engine import UpdateStats as UpdateStats
from .engine import check_cancellation as check_cancellation
from .engine import component_subpath as component_subpath
from .engine import current_context as _current_context
from .engine import declare_target_state as declare_target_state
from .engine import declare_target_state_with_child as declare_target_state_with_child
from .engine import exception_handler as exception_handler
from .engine import fn as fn
from .engine import logic_propagated_to_callers as logic_propagated_to_callers
from .engine import logic_tracked as logic_tracked
from .engine import map as map
from .engine import memo_fingerprint as memo_fingerprint
from .engine import mount as mount
from .engine import mount_each as mount_each
from .engine import mount_target as mount_target
from .engine import register_memo_key_function as register_memo_key_function
from .engine import register_root_target_states_provider as register_root_target_states_provider
from .engine import serialize_by_pickle as serialize_by_pickle
from .engine import timeout as timeout
from .engine import unpickle_safe as unpickle_safe
from .engine import use_context as use_context
from .engine import use_mount as use_mount
from .engine import use_state as use_state
from .runtime import GPU as GPU
from .runtime import App as App
from .runtime import AppConfig as AppConfig
from .runtime import Environment as Environment
from .runtime import EnvironmentBuilder as EnvironmentBuilder
from .runtime import GPUPool as GPUPool
from .runtime import GPURunner as GPURunner
from .runtime import LifespanFn as LifespanFn
from .runtime import LmdbSettings as LmdbSettings
from .runtime import Settings as Settings
from .runtime import UpdateHandle as UpdateHandle
from .runtime import configure_gpu_pool as configure_gpu_pool
from .runtime import current_gpu as current_gpu
from .runtime import current_gpu_fraction as current_gpu_fraction
from .runtime import current_gpus as current_gpus
from .runtime import default_env as default_env
from .runtime import lifespan as lifespan
from .runtime import runtime as runtime
from .runtime import start as start
from .runtime import start_blocking as start_blocking
from .runtime import stop as stop
from .runtime import stop_blocking as stop_blocking
from .runtime import wire_production as _wire_production
from .values import NON_EXISTENCE as NON_EXISTENCE
from .values import ROOT_PATH as ROOT_PATH
from .values import NonExistenceType as NonExistenceType
from .values import StableKey as StableKey
from .values import StablePath as StablePath
from .values import Symbol as Symbol
from .values import is_non_existence as is_non_existence

get_component_context = _current_context
_wire_production()
