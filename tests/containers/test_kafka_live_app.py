"""Goal: live apps that are killed, join, leave or lose their brokers account for every message of a topic that never rests.

Each member of the group has a state directory and files of its own. When a partition moves to another member, the files
of its keys stay with the first: one that is deleted later is deleted at the other alone. Such keys are counted.
"""

from __future__ import annotations

import pathlib
import time
from contextlib import ExitStack

import pytest

from .kafka_brokers import KafkaBrokers
from .kafka_group import Member, Offsets, Writer, check_commits, check_end, create_topic, wait_until

pytestmark = [pytest.mark.real, pytest.mark.container]


class Story:
    """What happens at which second, and all the time between: nothing may be committed too early."""

    def __init__(self, writer: Writer, offsets: Offsets, members: list[Member]) -> None:
        self.began = time.monotonic()
        self.writer = writer
        self.offsets = offsets
        self.members = members

    def pass_until(self, second: float) -> None:
        while (left := self.began + second - time.monotonic()) > 0:
            check_commits(self.writer, self.offsets, self.members)
            time.sleep(min(left, 2))

    def kill_and_start_again(self, member: Member) -> None:
        member.kill()
        check_commits(self.writer, self.offsets, self.members)
        member.start()


def test_every_message_is_accounted_for(kafka: str, tmp_path: pathlib.Path) -> None:
    # KFK-07, KFK-14, KFK-16, KFK-20
    create_topic(kafka)
    first, second = Member(tmp_path / "first", kafka), Member(tmp_path / "second", kafka)
    with ExitStack() as stack:
        offsets = stack.enter_context(Offsets(kafka))
        stack.enter_context(first.running())
        with Writer(kafka) as writer:
            story = Story(writer, offsets, [first, second])
            story.pass_until(12)
            assert sum(offsets.committed()) > 0
            story.kill_and_start_again(first)
            story.pass_until(22)
            stack.enter_context(second.running())
            story.pass_until(34)
            story.kill_and_start_again(first)
            story.pass_until(46)
            second.leave()
            story.pass_until(50)
            story.kill_and_start_again(first)
            story.pass_until(60)
        ends = [len(log) for log in writer.log]
        wait_until(lambda: offsets.committed() == ends, "all of the topic is done and committed")
        check_commits(writer, offsets, [first, second])
        first.leave()
    deleted = check_end(writer, [first, second])
    assert second.seen(), "the second member was given nothing"

    # The limitation: a deletion reaches the member that has the partition by then, and no other.
    last = writer.last_places(ends)
    stale = 0
    for member, other in ((first, second), (second, first)):
        given_to_other = other.seen()
        for key, place in member.held().items():
            if deleted[key]:
                end, _ = last[key]
                assert place < end
                beside = {end._replace(offset=end.offset - 1), end._replace(offset=end.offset + 1)}
                assert beside & given_to_other, f"{key} was deleted at {end}, which {member.directory.name} was given"
                stale += 1
    print(
        f"{sum(ends)} messages of {len(deleted)} keys; {sum(deleted.values())} keys are deleted, and {stale} of them"
        " still held by who had lost their partition before"
    )


def test_an_app_outlives_all_its_brokers(three_brokers: KafkaBrokers, tmp_path: pathlib.Path) -> None:
    # KFK-07, KFK-10
    brokers = three_brokers.addresses
    create_topic(brokers, replicas=three_brokers.count)
    member = Member(tmp_path / "member", brokers)
    with ExitStack() as stack:
        offsets = stack.enter_context(Offsets(brokers))
        stack.enter_context(member.running())
        with Writer(brokers) as writer:
            story = Story(writer, offsets, [member])
            story.pass_until(12)
            assert sum(offsets.committed()) > 0
            three_brokers.kill(1)
            time.sleep(6)
            three_brokers.restart(1)
            three_brokers.kill(1, 2, 3)
            # Longer than a session of the group.
            time.sleep(10)
            three_brokers.restart(1, 2, 3)
            wait_until(lambda: sum(offsets.committed()) > 0, "the brokers know the group")
            before = sum(offsets.committed())
            wait_until(lambda: sum(offsets.committed()) > before, "the app goes on")
        ends = [len(log) for log in writer.log]
        wait_until(lambda: offsets.committed() == ends, "all of the topic is done and committed")
        check_commits(writer, offsets, [member])
        member.leave()
    deleted = check_end(writer, [member])
    assert member.held().keys() == {key for key, gone in deleted.items() if not gone}
