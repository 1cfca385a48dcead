"""The JSON Schema of scenario files, for editors."""

from __future__ import annotations

import json
from typing import Final

from ._shapes import JsonSchema
from ._vocabulary import HEADING, STEP

__all__ = ["scenario_schema", "schema_text"]

_TITLE: Final = "A scenario file (*.coco.yaml) of cocoindex-sim"


def scenario_schema() -> JsonSchema:
    """What a scenario file may hold, as JSON Schema (draft 7, which editors know best)."""
    schema = HEADING.schema()
    step = {"$ref": "#/definitions/step"}
    schema["properties"]["steps"]["items"] = step
    schema["properties"]["scenarios"]["items"]["properties"]["steps"]["items"] = step
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": _TITLE,
        **schema,
        "definitions": {"step": STEP.schema()},
    }


def schema_text() -> str:
    """The schema as the text of a file."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
