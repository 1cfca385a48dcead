"""Production: apps, environments, settings, blocking calls; the one place that wires engine, store and real ports."""

from ._app import App as App
from ._app import AppConfig as AppConfig
from ._app import UpdateHandle as UpdateHandle
from ._environment import Environment as Environment
from ._environment import EnvironmentBuilder as EnvironmentBuilder
from ._environment import LazyEnvironment as LazyEnvironment
from ._environment import LifespanFn as LifespanFn
from ._environment import default_env as default_env
from ._environment import lifespan as lifespan
from ._environment import runtime as runtime
from ._environment import start as start
from ._environment import start_blocking as start_blocking
from ._environment import stop as stop
from ._environment import stop_blocking as stop_blocking
from ._inspect import apps_of as apps_of
from ._inspect import list_stable_paths as list_stable_paths
from ._inspect import list_stable_paths_sync as list_stable_paths_sync
from ._inspect import stable_paths as stable_paths
from ._settings import LmdbSettings as LmdbSettings
from ._settings import Settings as Settings
from ._settings import default_db_path as default_db_path
from ._wiring import real_ports as real_ports
from ._wiring import wire_production as wire_production
