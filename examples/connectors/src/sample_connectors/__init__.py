"""Three connectors for CocoIndex."""

from .json_feed import JsonFeed as JsonFeed
from .json_feed import Page as Page
from .json_feed import over_http as over_http
from .log_file import LogFile as LogFile
from .sqlite_table import SqliteTable as SqliteTable
from .sqlite_table import keep_change_log as keep_change_log
