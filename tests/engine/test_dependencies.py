"""Goal: a stored result stands as long as all that it was made with is there: what it called, mounted, and reused."""

from __future__ import annotations

import pytest

from .project import Project, edited, pipeline

CALLS = """
@coco.fn
def callee():
    ran.append("callee")
    return 1

chosen = callee

@coco.fn(memo=True)
def caller():
    ran.append("caller")
    return chosen()

@coco.fn
async def main():
    return caller()
"""
OTHER = """
@coco.fn(memo=True)
def other():
    return 2

chosen = other
"""


def test_more_functions_do_no_harm(project: Project) -> None:  # LGC-04
    assert project.run(CALLS) == ["caller", "callee"]
    # Even one that would be called instead: what the entry was made with is all there.
    assert project.run(edited(CALLS, ("\nchosen = callee\n", OTHER))) == []


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([("@coco.fn\ndef callee", "def callee")], id="undecorated"),
        pytest.param([("def callee", "def renamed"), ("chosen = callee", "chosen = renamed")], id="renamed"),
        pytest.param([("return 1", "return 2")], id="edited"),
    ],
)
def test_a_recorded_function_that_is_gone_invalidates(project: Project, edits: list[tuple[str, str]]) -> None:  # LGC-04
    assert project.run(CALLS) == ["caller", "callee"]
    assert project.run(edited(CALLS, *edits)) == ["caller", "callee"]


def test_a_removed_function_invalidates_what_was_made_with_it(project: Project) -> None:  # LGC-04
    start = CALLS.index("@coco.fn\ndef callee")
    without = CALLS[:start] + OTHER + CALLS[CALLS.index("@coco.fn(memo=True)") :]
    assert project.run(CALLS) == ["caller", "callee"]
    assert project.run(without) == ["caller"]
    assert project.run(CALLS) == ["caller", "callee"]


def test_a_callee_that_tracks_itself_is_seen(project: Project) -> None:
    # LGC-05
    source = """
        @coco.fn(logic_tracking="self")
        def g(): return VALUE
        @coco.fn(memo=True)
        def f(x):
            ran.append("f")
            return g()
    """
    assert [project.run(pipeline(source.replace("VALUE", value))) for value in "12"] == [["f"], ["f"]]


@pytest.mark.parametrize("is_async", [False, True])
def test_a_caller_that_ran_over_a_reused_callee_depends_on_all_it_does(project: Project, is_async: bool) -> None:
    # SE-02
    def written(value: int, caller: int) -> str:
        prefix, wait = ("async ", "await ") if is_async else ("", "")
        return pipeline(
            f"""
            @coco.fn
            def h(): return {value}
            @coco.fn(memo=True)
            {prefix}def g():
                ran.append("g")
                return h()
            @coco.fn(memo=True)
            {prefix}def f(x):
                ran.append("f{caller}")
                return {wait}g()
            """,
            f"{wait}f(1)",
        )

    runs = [project.update(written(*edit)) for edit in ((1, 1), (1, 2), (2, 2))]
    assert runs == [(1, ["f1", "g"]), (1, ["f2"]), (2, ["f2", "g"])]


# --- across mounts ---


TREE = """
@coco.fn
def helper():
    return 1

@coco.fn(memo=True)
async def child():
    ran.append("child")
    return helper()

@coco.fn(memo=True)
async def parent(x):
    ran.append("parent")
    handle = await MOUNT
    return x

@coco.fn
async def main():
    await coco.use_mount(coco.component_subpath("p"), parent, 1)
"""
MOUNTS = {
    "use_mount": 'coco.use_mount(coco.component_subpath("c"), child)',
    "mount": 'coco.mount(coco.component_subpath("c"), child)',
}


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("edit", [("return helper()", "return helper() + 1"), ("return 1", "return 2")])
@pytest.mark.parametrize("child_was_reused", [False, True])
def test_a_memoized_parent_depends_on_the_logic_of_what_it_mounts(
    project: Project, mount: str, edit: tuple[str, str], child_was_reused: bool
) -> None:  # LGC-06, SE-02
    text = TREE.replace("MOUNT", MOUNTS[mount])
    assert project.run(text) == ["parent", "child"]
    if child_was_reused:
        text = edited(text, ("parent, 1)", "parent, 2)"))
        assert project.run(text) == ["parent"]
    assert project.run(text) == []
    assert project.run(edited(text, edit)) == ["parent", "child"]


def test_a_memoized_parent_depends_on_a_child_without_a_memo(project: Project) -> None:  # LGC-06
    text = edited(
        TREE.replace("MOUNT", MOUNTS["mount"]), ("@coco.fn(memo=True)\nasync def child", "@coco.fn\nasync def child")
    )
    assert [project.run(text), project.run(text)] == [["parent", "child"], []]
    assert project.run(edited(text, ("return 1", "return 2"))) == ["parent", "child"]


def test_a_child_does_not_depend_on_the_logic_of_its_parent(project: Project) -> None:  # LGC-06
    text = TREE.replace("MOUNT", MOUNTS["use_mount"])
    assert project.run(text) == ["parent", "child"]
    assert project.run(edited(text, ("return x", "return x + 1"))) == ["parent"]


# --- tracking more, later ---


def decorated(arguments: str, body: str = "1") -> str:
    return f"""
@coco.fn(memo=True, {arguments})
def work():
    ran.append("work")
    return {body}
@coco.fn
async def main():
    return work()
"""


def test_an_entry_made_without_tracking_outlives_a_stronger_mode(project: Project) -> None:  # LGC-07
    assert project.run(decorated("logic_tracking=None")) == ["work"]
    assert project.run(decorated("logic_tracking='full'")) == []
    assert project.run(decorated("logic_tracking='full'", body="2")) == []
    assert project.run(decorated("logic_tracking='full', version=7")) == []


def test_a_callee_that_is_decorated_later_does_not_reach_stored_entries(project: Project) -> None:  # LGC-07
    plain = edited(CALLS, ("@coco.fn\ndef callee", "def callee"))
    assert project.run(plain) == ["caller", "callee"]
    assert project.run(CALLS) == []
    assert project.run(edited(CALLS, ("return 1", "return 2"))) == []
