"""Removal: what is no longer mounted goes, whatever fails meanwhile; dropping an app (CMP-18..21, APP-13..15, SE-03)."""

from __future__ import annotations

from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.inspect import list_stable_paths

from .bench import Bench, Journal

sub = coco.component_subpath
Tree = dict[str, Any]
"""Each component's children, by name; a name is its key at the target as well."""


class Forest:
    """Components as a tree says, each declaring its own path; `x/y` is a component `y` in a directory `x`."""

    def __init__(self, bench: Bench, *, memo: bool = False, content: dict[Any, Any] | None = None) -> None:
        self.bench = bench
        self.journal = Journal(content)
        self.tree: Tree = {}
        self.runs: list[str] = []
        provider = self.journal.provider()

        @coco.fn(memo=memo)
        async def node(path: str, tree: Tree) -> None:
            self.runs.append(path)
            coco.declare_target_state(provider.target_state(path, 1))
            await mount_all(f"{path}/", tree)

        async def mount_all(prefix: str, tree: Tree) -> None:
            for name, below in tree.items():
                await coco.mount(sub(*name.split("/")), node, prefix + name, below)

        async def main() -> None:
            await mount_all("", self.tree)

        self.app = bench.app(main)

    def update(self, tree: Tree, *failing: str, **options: Any) -> list[str]:
        """Update to this tree while these keys can't be written or deleted; what was removed."""
        self.tree = tree
        self.journal.fail_before = set(failing)
        self.bench.events()
        self.bench.update(self.app, **options)
        return [event.removeprefix("component_removed ") for event in self.bench.events("component_removed")]

    def drop(self, *failing: str) -> None:
        self.journal.fail_before = set(failing)
        self.bench.run(self.app.drop())

    def settled(self, tree: Tree) -> bool:
        """Whether the content is this tree's, and another update finds nothing to do."""
        fresh = dict.fromkeys(keys_of(tree), 1)
        if self.journal.content != fresh:
            return False
        self.journal.calls.clear()
        removed = self.update(tree)
        return self.journal.content == fresh and self.journal.calls == [] and removed == []


def keys_of(tree: Tree, prefix: str = "") -> list[str]:
    keys = []
    for name, below in tree.items():
        keys += [prefix + name, *keys_of(below, f"{prefix}{name}/")]
    return keys


FULL: Tree = {"a": {"b": {"c": {"d": {}}}, "e": {}}, "f": {"g": {}}}


@pytest.fixture(params=[False, True], ids=["plain", "memo"])
def forest(bench: Bench, request: pytest.FixtureRequest) -> Forest:
    forest = Forest(bench, memo=request.param)
    forest.update(FULL)
    return forest


def test_a_subtree_goes_outer_before_inner(forest: Forest) -> None:  # CMP-18
    removed = forest.update({"f": {"g": {}}})
    assert removed == ['/"a"', '/"a"/"b"', '/"a"/"e"', '/"a"/"b"/"c"', '/"a"/"b"/"c"/"d"']
    assert forest.settled({"f": {"g": {}}})


def test_each_parent_collects_its_own(forest: Forest) -> None:  # CMP-18
    tree: Tree = {"a": {"b": {}, "e": {}}, "f": {}}
    assert sorted(forest.update(tree)) == ['/"a"/"b"/"c"', '/"a"/"b"/"c"/"d"', '/"f"/"g"']
    assert forest.settled(tree)


DEPTHS = ["a", "a/b", "a/b/c", "a/b/c/d", "a/e"]


@pytest.mark.parametrize("failing", DEPTHS)
def test_a_failed_removal_leaves_itself_and_what_is_below_for_later(
    forest: Forest, failing: str, caplog: pytest.LogCaptureFixture
) -> None:  # CMP-20, SE-03
    tree = {"f": FULL["f"]}
    for _ in range(3):
        caplog.clear()
        forest.update(tree, failing)
        left = {key for key in keys_of(FULL) if (key + "/").startswith(failing + "/")}
        assert set(forest.journal.content) == {*keys_of(tree), *left}
        [record] = caplog.records
        assert record.exc_info is not None
        error = record.exc_info[1]
        assert str(error) == f"{failing} failed before"
        assert "the next update tries again" in "".join(getattr(error, "__notes__", ()))
    forest.update(tree)
    assert forest.settled(tree)


@pytest.mark.parametrize("failing", DEPTHS)
def test_a_failed_removal_is_retried_while_all_above_is_reused(bench: Bench, failing: str) -> None:  # SE-03
    forest = Forest(bench, memo=True)
    forest.update({"top": FULL})
    forest.update({"top": {"f": FULL["f"]}}, f"top/{failing}")
    forest.runs.clear()
    forest.update({"top": {"f": FULL["f"]}})
    assert forest.runs == []
    assert forest.settled({"top": {"f": FULL["f"]}})


@pytest.mark.parametrize("failing", DEPTHS)
@pytest.mark.parametrize("full_reprocess", [False, True])
def test_what_failed_to_go_may_come_back(forest: Forest, failing: str, full_reprocess: bool) -> None:  # CMP-21
    forest.update({}, failing)
    forest.update(FULL, full_reprocess=full_reprocess)
    assert forest.settled(FULL)


@pytest.mark.parametrize("failing", DEPTHS)
def test_a_memo_does_not_bring_back_a_component_without_its_states(bench: Bench, failing: str) -> None:  # CMP-21
    forest = Forest(bench, memo=True)
    forest.update(FULL)
    forest.journal.fail_after = {failing}
    forest.update({})
    forest.journal.fail_after = set()
    assert failing not in forest.journal.content
    forest.update(FULL)
    assert forest.settled(FULL)


@pytest.mark.parametrize("failing", DEPTHS)
@pytest.mark.parametrize("then", [{"a/b": {"c": {}}}, {"a/b/c/d": {}}, {"a": {"b/c": {"d": {}}}}, {"a/e": {"x": {}}}])
def test_what_failed_to_go_may_become_a_directory_of_live_components(
    forest: Forest, failing: str, then: Tree
) -> None:  # CMP-19, CMP-20, SE-03
    forest.update({}, failing)
    forest.update(then, failing)
    forest.update(then, failing)
    if failing not in keys_of(then):
        assert set(keys_of(then)) <= set(forest.journal.content)
    forest.update(then)
    assert forest.settled(then)


@pytest.mark.parametrize("failing", ["a/b", "a/b/c"])
def test_a_stale_directory_is_retried_without_touching_the_live_ones_in_it(bench: Bench, failing: str) -> None:  # SE-03
    # The retry finds everything above reused, so nothing but its tombstone says what is stale.
    forest = Forest(bench, memo=True)
    forest.update({"top": {"a": {"b": {"c": {}}}}})
    then: Tree = {"top": {"a": {"b/c/live": {"x": {}}}}}
    forest.update(then, f"top/{failing}")
    for _ in range(2):
        forest.runs.clear()
        forest.update(then, f"top/{failing}")
        assert forest.runs == []
        assert {"top/a/b/c/live", "top/a/b/c/live/x", f"top/{failing}"} <= set(forest.journal.content)
    forest.update(then)
    assert forest.settled(then)


def test_what_failed_to_go_and_comes_back_only_to_fail_is_not_removed(bench: Bench) -> None:  # CMP-13, CMP-21
    journal = Journal()
    provider = journal.provider()
    plan = {"mount": True, "fail": False}

    async def child() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        if plan["fail"]:
            raise ValueError

    async def main() -> None:
        if plan["mount"]:
            await coco.mount(child)

    app = bench.app(main)
    bench.update(app)
    plan["mount"] = False
    journal.fail_before = {"k"}
    bench.update(app)
    journal.fail_before = set()
    plan.update(mount=True, fail=True)
    bench.update(app)
    assert journal.content == {"k": 1}
    plan["fail"] = False
    bench.update(app)
    assert journal.content == {"k": 1}
    plan["mount"] = False
    bench.update(app)
    assert journal.content == {}


def test_the_children_of_a_new_component_that_failed_are_not_stale(bench: Bench) -> None:  # DUR-01, CMP-13
    journal = Journal()
    provider = journal.provider()
    stage = [1]

    async def child() -> None:
        coco.declare_target_state(provider.target_state("k", stage[0]))

    async def parent() -> None:
        await coco.mount(child)
        if stage[0] == 2:
            raise ValueError

    async def main() -> None:
        if stage[0] > 1:
            await coco.mount(parent)

    app = bench.app(main)
    for stage[0] in (1, 2):
        bench.update(app)
    assert journal.content == {"k": 2}
    assert [str(path) for path in bench.run(list_stable_paths(app))] == ["/", "/@parent", "/@parent/@child"]
    stage[0] = 3
    bench.update(app)
    assert journal.calls == [[("k", 2)], [("k", 3)]]


def test_a_failed_update_collects_nothing_and_retries_nothing(bench: Bench) -> None:  # CMP-13
    journal = Journal()
    provider = journal.provider()
    plan: dict[str, Any] = {"names": ["a"], "fail": False}

    async def child(name: str) -> None:
        coco.declare_target_state(provider.target_state(name, 1))

    async def main() -> None:
        for name in plan["names"]:
            await coco.mount(sub(name), child, name)
        if plan["fail"]:
            raise ValueError

    app = bench.app(main)
    bench.update(app)
    plan.update(names=[], fail=True)
    with pytest.raises(ValueError):
        bench.update(app)
    assert journal.content == {"a": 1}
    plan.update(fail=False)
    bench.update(app)
    assert journal.content == {}


def test_several_thousand_components_go_at_once(bench: Bench) -> None:
    forest = Forest(bench)
    forest.update({"keep": {}, **{str(n): {} for n in range(2000)}})
    forest.journal.calls.clear()
    forest.update({"keep": {}})
    assert forest.settled({"keep": {}})


def test_the_memos_of_a_removed_component_go_with_it(bench: Bench) -> None:  # CMP-18
    runs = []
    mounted = [True]

    @coco.fn(memo=True)
    async def call(n: int) -> int:
        runs.append(n)
        return n

    async def child() -> None:
        await call(1)

    async def main() -> None:
        if mounted:
            await coco.mount(child)

    app = bench.app(main)
    bench.update(app)
    mounted.clear()
    bench.update(app)
    mounted.append(True)
    bench.update(app)
    assert runs == [1, 1]


# -- drop ------------------------------------------------------------------------------------------------------------------


def test_a_drop_deletes_everything_and_the_app_starts_anew(forest: Forest) -> None:  # APP-13, APP-14
    forest.drop()
    assert forest.journal.content == {}
    removed = forest.bench.events("component_removed")
    assert removed[0] == "component_removed /"
    assert [path.count('"') for path in removed] == sorted(path.count('"') for path in removed)
    forest.drop()
    forest.runs.clear()
    forest.journal.take_asked()
    forest.update(FULL)
    assert sorted(forest.runs) == sorted(keys_of(FULL))
    assert {(tuple(prev), missing) for _, _, prev, missing in forest.journal.take_asked()} == {((), True)}


def test_dropping_what_never_ran_succeeds(bench: Bench) -> None:  # APP-14
    Forest(bench).drop()


@pytest.mark.parametrize("failing", [*DEPTHS, "f"])
def test_a_failed_drop_raises_its_error_once_tried_and_another_finishes(forest: Forest, failing: str) -> None:  # APP-13
    for _ in range(2):
        forest.journal.calls.clear()
        with pytest.raises(OSError, match=f"^{failing} failed before"):
            forest.drop(failing)
        left = {key for key in keys_of(FULL) if (key + "/").startswith(failing + "/")}
        assert set(forest.journal.content) == left
        tried = [key for call in forest.journal.calls for key, _ in call]
        assert tried.count(failing) == 1 or len(tried) > len(set(tried))  # more often only where calls were merged
        assert len(forest.bench.events("removal_failed")) == 1
    forest.drop()
    assert forest.journal.content == {}
    forest.update(FULL)
    assert forest.settled(FULL)


@pytest.mark.parametrize("failing", [*DEPTHS, "f"])
@pytest.mark.parametrize("then", [FULL, {"f": {}}, {}])
def test_an_update_after_a_failed_drop_converges(forest: Forest, failing: str, then: Tree) -> None:  # APP-13, SE-03
    with pytest.raises(OSError, match="failed before"):
        forest.drop(failing)
    forest.update(then)
    assert forest.settled(then)


def test_apps_of_one_environment_are_dropped_one_by_one(bench: Bench) -> None:  # APP-27
    journal = Journal()
    provider = journal.provider()

    async def main(name: str) -> None:
        coco.declare_target_state(provider.target_state(name, 1))

    one, two = (bench.app(main, name, name=name) for name in ("one", "two"))
    bench.update(one)
    bench.update(two)
    bench.run(one.drop())
    assert journal.content == {"two": 1}
    journal.calls.clear()
    bench.update(two)
    assert journal.calls == []


def test_a_drop_in_a_process_that_never_ran_the_pipeline(bench: Bench) -> None:  # APP-13
    content: dict[Any, Any] = {}
    Forest(bench, content=content).update(FULL)
    bench.crash()
    Forest(bench, content=content).drop()
    assert content == {}


@pytest.mark.parametrize("nth", range(1, 7))
@pytest.mark.parametrize("event", ["pre_committed", "actions_applied", "component_removed"])
def test_a_drop_that_was_killed_is_finished_by_another_or_undone_by_an_update(
    bench: Bench, event: str, nth: int
) -> None:  # DUR-03, APP-13
    for finish in ("drop", "update"):
        content: dict[Any, Any] = {}
        bench.crash()
        forest = Forest(bench, memo=True, content=content)
        forest.bench.run(forest.app.drop())
        forest.update(FULL)
        bench.halt_at(forest.app.drop(), event, nth)
        bench.crash()
        forest = Forest(bench, memo=True, content=content)
        if finish == "drop":
            forest.drop()
            assert content == {}
        else:
            forest.update(FULL)
            assert forest.settled(FULL)
