"""A hook of mkdocs: what a page links to outside `docs/` is named, as it is not part of the site."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"\[([^\]]*)\]\(((?!https?:|#)[^)#]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Take the link from whatever leads out of the site, and leave its text."""
    directory = posixpath.dirname(page.file.src_uri)

    def kept(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(directory, match[2]))
        leaves = target.startswith("../") or target.endswith(".py")
        return match[1] if leaves else match[0]

    return _LINK.sub(kept, markdown)
