# Goal: a reported failure stands until it is made good, and leaves in doubt what it can have reached and nothing else.

import pytest

from cocoindex_sim.values import (
    ROOT_PATH,
    ComponentFailed,
    ComponentReady,
    ComponentRemoved,
    Event,
    LiveEnded,
    LiveReady,
    PreCommitted,
    RemovalFailed,
    StablePath,
    Symbol,
)
from cocoindex_sim.world._oracles._reports import Reports, keys_of, reports_in
from cocoindex_sim.world._trace import Entry

FILES = Symbol("cocoindex/localfs")
PARENT = StablePath.of("each")
ONE, TWO = PARENT / "one", PARENT / "two"
FAILED = ComponentFailed(ONE, "broken")


def target(name: str) -> StablePath:
    return StablePath.of(FILES, (None, "out"), name)


def reports(*events: Event | str) -> Reports:
    return reports_in([Entry(0, number, event) for number, event in enumerate(events)])


@pytest.mark.parametrize("event", [FAILED, RemovalFailed(ONE, "broken"), LiveEnded(ONE, "broken")])
def test_a_failure_stands(event: Event) -> None:
    assert reports(event).failed == {ONE: "broken"}
    assert reports(event, "crash", "restart", ComponentReady(TWO)).failed == {ONE: "broken"}


@pytest.mark.parametrize(
    ("failure", "event"),
    [
        (FAILED, ComponentReady(ONE)),
        (FAILED, ComponentRemoved(ONE)),
        (RemovalFailed(ONE, "broken"), ComponentRemoved(ONE)),
        (LiveEnded(ONE, "broken"), LiveReady(ONE)),
        (LiveEnded(ONE, "broken"), ComponentRemoved(ONE)),
    ],
)
def test_a_failure_is_made_good(failure: Event, event: Event) -> None:
    assert reports(failure, event).failed == {}


def test_a_live_component_that_is_ready_all_the_same_has_not_made_its_failed_cycle_good() -> None:
    assert reports(FAILED, LiveReady(ONE)).failed == {ONE: "broken"}
    assert reports(LiveEnded(ONE, None)).failed == {}


def test_the_beginning_of_a_trace_has_its_own_reports() -> None:
    entries = [Entry(0, 0, FAILED), Entry(0, 1, ComponentReady(ONE))]
    assert reports_in(entries, 1).failed == {ONE: "broken"}
    assert reports_in(entries, 2).failed == {}


def declared(**targets: StablePath) -> list[Event]:
    paths = {"one": ONE, "two": TWO, "parent": PARENT, "root": ROOT_PATH}
    return [PreCommitted(paths[name], (state,)) for name, state in targets.items()]


KEYS = ("out/1", "out/2", "out/sum", "out/total")


def test_what_failed_leaves_its_own_keys_in_doubt_and_those_above_it() -> None:
    events = declared(one=target("1"), two=target("2"), parent=target("sum"), root=target("total"))
    assert reports(*events, FAILED).concerned(KEYS) == {"out/1", "out/sum", "out/total"}
    assert reports(*events, ComponentFailed(PARENT, "x")).concerned(KEYS) == set(KEYS)
    assert reports(*events).concerned(KEYS) == set()


def test_another_run_may_know_what_it_would_have_declared() -> None:
    known = reports(*declared(one=target("1"), two=target("2")))
    assert reports(FAILED).concerned(KEYS) == set()
    assert reports(FAILED).concerned(KEYS, known) == {"out/1"}


def test_what_is_in_a_container_that_failed_is_in_doubt() -> None:
    events = declared(one=StablePath.of(FILES, (None, "out")), two=StablePath.of(FILES, (None, "else"), "1"))
    assert reports(*events, FAILED).concerned((*KEYS, "else/1")) == set(KEYS)


def test_everything_is_in_doubt_when_a_map_in_memory_was_not_filled() -> None:
    entry = StablePath.of(Symbol("cocoindex/live_map"), (1,), "a")
    assert reports(*declared(one=entry), FAILED).concerned(KEYS) == set(KEYS)
    assert reports(*declared(two=entry), FAILED).concerned(KEYS) == set()


def test_containers_and_entries_of_maps_in_memory_are_idle() -> None:
    container, entry = StablePath.of(FILES, (None, "out")), StablePath.of(Symbol("cocoindex/live_map"), (1,), "a")
    mount = StablePath.of(Symbol("cocoindex/mount_target"), "x")
    known = reports(*declared(one=container, two=target("1"), parent=entry), PreCommitted(mount, (target("deep"),)))
    assert known.idle() == {container, entry, target("deep")}


def test_a_component_has_the_keys_of_those_below_it() -> None:
    known = reports(*declared(one=target("1"), two=target("2"), root=target("total"))).declared
    assert keys_of(PARENT, known, KEYS) == {"out/1", "out/2"}
    assert keys_of(ONE, known, KEYS) == {"out/1"}
    assert keys_of(ROOT_PATH, known, KEYS) == {"out/1", "out/2", "out/total"}
