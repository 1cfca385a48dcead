"""Write `docs/kafka-certification.md`: what is compared between clusters of Kafka, and where they differ.

    python tools/kafka_certification.py [--check]

The page is made from what Apache Kafka was seen to do, `tests/certification/observed.json`, and the differences that
are accepted of other clusters, `tests/certification/accepted.toml`. The tests see to it that both are true.
"""

from __future__ import annotations

import json
import sys
import tomllib
from typing import Any

from _page import ROOT, make_page

SUITE = ROOT / "tests" / "certification"
PAGE = ROOT / "docs" / "kafka-certification.md"

TOP = """\
# Kafka: what was compared

A stand-in for Kafka is only worth something if it behaves like Kafka. So one suite of stories is told to all clusters:
clients subscribe, read, commit, join, leave, are thrown out, and what they observe is written down. What Apache Kafka
shows is the record; every other cluster shows the same, or is listed here with a reason. Something that differs and
isn't listed fails the tests, and so does a listed difference that is gone.

The stories are in `tests/certification`. `pytest` tells them to the cluster in memory, `pytest -m real tests/real` to
librdkafka's mock cluster, and `.ci/containers pytest -m container` to Apache Kafka in containers; with
`COCO_KAFKA_RECORD=1`, the last of them writes the record anew. This page is made by
`python tools/kafka_certification.py`.
"""


def main() -> None:
    make_page(__doc__ or "", PAGE, text)


def text() -> str:
    """The page, from the record and what is accepted."""
    return page(json.loads((SUITE / "observed.json").read_text()), tomllib.loads((SUITE / "accepted.toml").read_text()))


def page(chapters: dict[str, dict[str, Any]], accepted: dict[str, Any]) -> str:
    """The whole page."""
    arms: dict[str, dict[str, Any]] = accepted["arm"]
    differences: list[dict[str, Any]] = accepted.get("difference", [])
    stories = {name: told for chapter in chapters.values() for name, told in chapter.items()}
    for difference in differences:
        if difference["arm"] not in arms or difference["story"] not in stories:
            sys.exit(f"accepted.toml excuses {difference['story']!r} of {difference['arm']!r}, which is not there.")
    return "\n".join([
        TOP,
        "## In short",
        "",
        *summary(stories, arms, differences),
        "",
        "## What a cluster can't do",
        "",
        *cannot(arms),
        "",
        "## Differences",
        "",
        *listed(stories, arms, differences),
        "",
        "## Stories",
        "",
        *told(chapters, arms, differences),
        "",
    ])  # fmt: skip


def able(arm: dict[str, Any], told: dict[str, Any]) -> bool:
    """Whether an arm can do what a story needs."""
    return not set(told["needs"]) & arm.get("cannot", {}).keys()


def summary(stories: dict[str, Any], arms: dict[str, Any], differences: list[dict[str, Any]]) -> list[str]:
    """A row for each cluster."""
    rows = ["| cluster | stories | observations | as Kafka | otherwise |", "|---|---|---|---|---|"]
    for key, arm in arms.items():
        possible = [told for told in stories.values() if able(arm, told)]
        count = sum(len(told["observed"]) for told in possible)
        other = sum(len(difference["shows"]) for difference in differences if difference["arm"] == key)
        rows.append(f"| {arm['title']} | {len(possible)} | {count} | {count - other} | {other} |")
    return rows


def cannot(arms: dict[str, Any]) -> list[str]:
    """A row for everything a cluster is not asked for."""
    rows = ["| cluster | | why |", "|---|---|---|"]
    for arm in arms.values():
        rows += [f"| {arm['title']} | {what} | {why} |" for what, why in arm.get("cannot", {}).items()]
    return rows


def listed(stories: dict[str, Any], arms: dict[str, Any], differences: list[dict[str, Any]]) -> list[str]:
    """A row for each observation that differs."""
    rows = ["| cluster | story | observation | Kafka | there | why |", "|---|---|---|---|---|---|"]
    for difference in differences:
        for what, shows in difference["shows"].items():
            kafka = json.dumps(stories[difference["story"]]["observed"].get(what))
            there = json.dumps(json.loads(shows))
            row = [arms[difference["arm"]]["title"], words(difference["story"]), what, f"`{kafka}`", f"`{there}`"]
            rows.append(f"| {' | '.join(row)} | {difference['reason']} |")
    return rows


def told(chapters: dict[str, dict[str, Any]], arms: dict[str, Any], differences: list[dict[str, Any]]) -> list[str]:
    """For each chapter, a row for each story: how many observations, and how each cluster does."""
    others = {key: arm for key, arm in arms.items() if key != "kafka"}
    rows = []
    for about, stories in chapters.items():
        rows += [f"### {about[0].upper()}{about[1:]}", ""]
        rows.append("| story | observations | " + " | ".join(arm["title"] for arm in others.values()) + " |")
        rows.append("|---" * (len(others) + 2) + "|")
        for name, story in stories.items():
            marks = []
            for key, arm in others.items():
                differs = [one for one in differences if one["arm"] == key and one["story"] == name]
                marks.append("differs" if differs else "same" if able(arm, story) else "-")
            rows.append(f"| {words(name)} | {len(story['observed'])} | {' | '.join(marks)} |")
        rows.append("")
    return rows[:-1]


def words(name: str) -> str:
    """The name of a story as a sentence."""
    return name.replace("_s_", "'s ").replace("_", " ")


if __name__ == "__main__":
    main()
