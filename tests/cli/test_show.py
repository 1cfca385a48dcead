# Goal: `coco-sim show` prints what is on record about an app, finds every path that it prints, and changes nothing.

from collections.abc import Iterator

import pytest

from .conftest import PIPELINE, Project, held

TREE = """
    import pathlib

    import cocoindex as coco
    from cocoindex.connectors import localfs


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    @coco.fn(memo=True)
    async def page(name, out):
        out.declare_file(name, name)


    @coco.fn
    async def leaf(item): ...


    @coco.fn
    async def main():
        out = await localfs.mount_dir_target(pathlib.Path("out"))
        await coco.mount_each(page, [("a b", "a b"), ("x", "x")], out)
        await coco.mount_each(leaf, [(1, 0), ("1", 0), (b"b", 0), ((2, coco.Symbol("s")), 0), ("q\\"\\n", 0)])
        await coco.mount(coco.component_subpath("dir", 2, "end"), leaf, 0)
        localfs.declare_file(pathlib.Path("single.txt"), "hi")


    app = coco.App("Tree", main)
"""

PATHS = r"""Stable paths:
  /
  /@cocoindex/mount_target
  /@cocoindex/mount_target/[@cocoindex/localfs,[null,"out"]]
  /@leaf
  /@leaf/1
  /@leaf/"1"
  /@leaf/"q\"\n"
  /@leaf/b"b"
  /@leaf/[2,@s]
  /@page
  /@page/"a b"
  /@page/"x"
  /"dir"
  /"dir"/2
  /"dir"/2/"end"
"""

X = """\
  /@page/"x"
    type:component version:1 processor:page
    has_memoization:true target_state_count:1
    Target states:
      - path:/@cocoindex/localfs/[null,"out"]/"x"
        states:1:Existing generation:None
"""


@pytest.fixture
def updated(project: Project) -> Iterator[Project]:
    """A project whose `tree.py` ran once."""
    project.write("tree.py", TREE)
    result = project.run("update", "-q", "tree.py")
    assert result.exit_code == 0, result.output
    return project


def shown(project: Project, *arguments: str) -> str:
    result = project.run("show", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_all_paths_are_listed_in_order(updated: Project) -> None:
    # CLI-16, CMP-03
    assert shown(updated, "tree.py") == PATHS


def test_a_directory_and_a_name_show_the_same_without_the_module(updated: Project) -> None:
    # CLI-16
    (updated.directory / "tree.py").unlink()
    assert shown(updated, "--db", "state", "--app-name", "Tree") == PATHS


def test_an_unknown_name_shows_the_heading_only(updated: Project) -> None:
    # CLI-16
    assert shown(updated, "--db", "state", "--app-name", "Nope") == "Stable paths:\n"


def test_an_app_that_never_ran_has_no_paths_and_gets_no_state(project: Project) -> None:
    # CLI-16
    assert shown(project, "one.py") == "Stable paths:\n"
    assert not (project.directory / "state").exists()
    environment = PIPELINE.replace(
        'app = coco.App("One", main)',
        'E = coco.Environment(coco.Settings(db_path="own"))\n    app = coco.App(coco.AppConfig("One", E), main)',
    )
    project.write("own.py", environment)
    assert shown(project, "own.py") == "Stable paths:\n"
    assert not (project.directory / "own").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Please specify APP_TARGET, or --db and --app-name.\n  coco-sim show ./app.py "),
        (["--db", "state"], "Both --db and --app-name are required when APP_TARGET is not specified."),
        (["--app-name", "One"], "Both --db and --app-name are required when APP_TARGET is not specified."),
        (["--db", "nowhere", "--app-name", "One"], "Database path does not exist: nowhere"),
        (["one.py", "-r"], "-r/--recursive and -p/--parents require a stable_path argument."),
        (["one.py", "-p"], "-r/--recursive and -p/--parents require a stable_path argument."),
        (["one.py", "--target-states", "/"], "--target-states cannot be combined with stable_path, -l, -r or -p."),
        (["one.py", "--target-states", "-l"], "--target-states cannot be combined with stable_path, -l, -r or -p."),
        (
            ["one.py", "--target-states", "/", "-r"],
            "--target-states cannot be combined with stable_path, -l, -r or -p.",
        ),
        (
            ["one.py", "--target-states", "/", "-p"],
            "--target-states cannot be combined with stable_path, -l, -r or -p.",
        ),
        (["one.py:X"], "No app named 'X' found after loading 'one.py'. Available apps: One"),
    ],
)
def test_options_that_say_nothing_together_are_refused(project: Project, arguments: list[str], message: str) -> None:
    # CLI-16, CLI-18, CLI-19
    result = project.run("show", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {message}")


def test_an_app_target_that_cannot_be_read_ends_with_the_usage(project: Project) -> None:
    # CLI-04
    result = project.run("show", "one.py:One@")
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: coco-sim show ")
    assert "Environment name is missing after '@'" in result.stderr


def test_a_directory_beside_a_module_is_ignored_with_a_warning(updated: Project) -> None:
    result = updated.run("show", "--db", "nowhere", "tree.py")
    assert (result.exit_code, result.stdout) == (0, PATHS)
    assert result.stderr == "Warning: --db/--app-name are ignored when APP_TARGET is specified.\n"


def test_a_tree_has_two_spaces_for_each_part_and_marks_components(updated: Project) -> None:
    # CLI-17
    assert shown(updated, "--tree", "tree.py") == (
        "Stable paths:\n"
        "- / [component]\n"
        "- Symbol(cocoindex/mount_target)\n"
        "  - (Symbol(cocoindex/localfs), (None, 'out')) [component]\n"
        "- Symbol(leaf)\n"
        "  - 1 [component]\n"
        "  - 1 [component]\n"
        "  - 'q\"\\n' [component]\n"
        "  - b'b' [component]\n"
        "  - (2, Symbol(s)) [component]\n"
        "- Symbol(page)\n"
        "  - a b [component]\n"
        "  - x [component]\n"
        "- dir\n"
        "  - 2\n"
        "    - end [component]\n"
    )
    assert shown(updated, "--tree", "--db", "state", "--app-name", "Nope") == "Stable paths:\n(none)\n"


def test_the_long_form_tells_components_from_directories(updated: Project) -> None:
    # CLI-18
    head, *blocks = shown(updated, "-l", "tree.py").split("\n  /")
    assert head == "Stable paths:"
    assert [f"  /{block.partition(chr(10))[0]}" for block in blocks] == PATHS.splitlines()[1:]
    assert blocks[0] == (
        "\n    type:component version:1 processor:main\n"
        "    has_memoization:false target_state_count:1\n"
        "    Target states:\n"
        '      - path:/@cocoindex/localfs/[null,"single.txt"]\n'
        "        states:1:Existing generation:None\n"
    )
    assert blocks[3] == (
        "@leaf\n    type:directory version:0 processor:-\n    has_memoization:false target_state_count:0\n"
    )
    assert f"  /{blocks[11]}" == X
    assert blocks[2].endswith("generation:0.0\n")  # the container


@pytest.mark.parametrize("text", ['/@page/"x"', '@page/"x"', "/@page/x", "@page/x"])
@pytest.mark.parametrize("options", [[], ["-l"], ["--tree"]])
def test_one_path_is_shown_in_the_long_form(updated: Project, text: str, options: list[str]) -> None:
    # CLI-18
    assert shown(updated, *options, "tree.py", text) == f"Stable paths:\n{X}\n"


def test_every_path_can_be_given_as_it_was_printed(updated: Project) -> None:
    # CLI-18
    for line in PATHS.splitlines()[1:]:
        assert shown(updated, "tree.py", line.strip()).splitlines()[1] == line


def test_a_bare_part_is_a_string_where_nothing_is_printed_like_it(updated: Project) -> None:
    # CLI-18
    def path_of(text: str) -> str:
        return shown(updated, "tree.py", text).splitlines()[1].strip()

    assert path_of("/@leaf/1") == "/@leaf/1"
    assert path_of('/@leaf/"1"') == '/@leaf/"1"'
    assert path_of("dir/2/end") == '/"dir"/2/"end"'
    assert path_of('/@leaf/q"\n') == '/@leaf/"q\\"\\n"'
    assert path_of("/@page/a b") == '/@page/"a b"'


def test_what_could_be_several_paths_has_to_be_quoted(project: Project) -> None:
    mounts = ";".join(
        f"await coco.mount(coco.component_subpath({parts}), leaf)" for parts in ('"a/b", "c"', '"a", "b/c"')
    )
    body = PIPELINE.replace('print("main ran")', mounts).replace(
        "    @coco.fn\n", "    async def leaf(): ...\n\n\n    @coco.fn\n"
    )
    project.write("slashes.py", body)
    project.run("update", "slashes.py")
    result = project.run("show", "slashes.py", "/a/b/c")
    assert result.exit_code == 1
    assert result.stderr == 'Error: \'/a/b/c\' may be any of /"a"/"b/c", /"a/b"/"c". Please quote its strings.\n'
    assert shown(project, "slashes.py", '/a/"b/c"').splitlines()[1] == '  /"a"/"b/c"'


def test_a_path_that_is_not_on_record_is_an_error(updated: Project) -> None:
    result = updated.run("show", "tree.py", "/nope")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: No component or directory at '/nope' is on record.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/dir/2"], ['/"dir"/2']),
        (["/dir", "-r"], ['/"dir"', '/"dir"/2', '/"dir"/2/"end"']),
        (["/dir/2", "-p"], ["/", '/"dir"', '/"dir"/2']),
        (["/dir/2", "-p", "-r"], ["/", '/"dir"', '/"dir"/2', '/"dir"/2/"end"']),
        (["/"], ["/"]),
        (["/", "-r"], [line.strip() for line in PATHS.splitlines()[1:]]),
    ],
)
def test_what_is_below_and_above_a_path_is_added(updated: Project, arguments: list[str], expected: list[str]) -> None:
    # CLI-18
    lines = shown(updated, "tree.py", *arguments).splitlines()
    assert [line.strip() for line in lines if line.startswith("  /")] == expected


def test_a_path_can_be_given_with_a_directory_and_a_name(updated: Project) -> None:
    # CLI-18
    by_name = ["--db", "state", "--app-name", "Tree"]
    assert shown(updated, *by_name, "/@page/x") == f"Stable paths:\n{X}\n"
    assert shown(updated, *by_name, "/").splitlines()[1] == "  /"
    result = updated.run("show", *by_name, str(updated.directory / "tree.py"))
    assert (result.exit_code, result.stdout) == (0, PATHS)
    assert result.stderr.startswith("Warning: ")


ATTEMPTS = """
    import os
    import pathlib

    import cocoindex as coco


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    class Handler:
        def reconcile(self, key, desired, prev, prev_may_be_missing, /):
            record = desired
            return coco.TargetReconcileOutput(action=key, sink=SINK, tracking_record=record)


    async def apply(context, actions):
        if "FAIL" in os.environ:
            raise OSError("no such luck")


    SINK = coco.TargetActionSink.from_async_fn(apply)
    ROWS = coco.register_root_target_states_provider("rows", Handler())


    @coco.fn(memo=True)
    async def row(value):
        coco.declare_target_state(ROWS.target_state("k", value))


    @coco.fn
    async def main():
        if os.environ["VALUE"]:
            await coco.mount(row, os.environ["VALUE"])


    app = coco.App("Attempts", main)
"""


def test_states_that_may_be_there_are_numbered_and_the_version_is_the_last(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # CLI-18, TGT-04
    project.write("attempts.py", ATTEMPTS)

    def after(value: str) -> list[str]:
        monkeypatch.setenv("VALUE", value)
        project.run("update", "attempts.py")
        return [line.strip() for line in shown(project, "attempts.py", "/@row").splitlines()[2:] if line]

    state = ["Target states:", '- path:/@rows/"k"']
    assert after("1") == [
        "type:component version:1 processor:row",
        "has_memoization:true target_state_count:1",
        *state,
        "states:1:Existing generation:None",
    ]
    monkeypatch.setenv("FAIL", "1")
    assert after("2") == [
        "type:component version:2 processor:row",
        "has_memoization:false target_state_count:1",
        *state,
        "states:1:Existing, 2:Existing generation:None",
    ]
    assert after("") == [
        "type:directory version:3 processor:row",
        "has_memoization:false target_state_count:1",
        "removal:unfinished",
        *state,
        "states:1:Existing, 2:Existing, 3:Deleted generation:None",
    ]
    monkeypatch.delenv("FAIL")
    monkeypatch.setenv("VALUE", "")
    project.run("update", "attempts.py")
    assert shown(project, "attempts.py") == "Stable paths:\n  /\n"
    assert shown(project, "attempts.py", "--target-states") == "Target states:\n  (none)\n"


def test_target_states_are_listed_with_their_owners(updated: Project) -> None:
    # CLI-19
    assert shown(updated, "--target-states", "tree.py") == (
        "Target states:\n"
        '  /@cocoindex/localfs/[null,"out"]\n'
        '    owner:/@cocoindex/mount_target/[@cocoindex/localfs,[null,"out"]]\n'
        '  /@cocoindex/localfs/[null,"out"]/"a b"\n'
        '    owner:/@page/"a b"\n'
        '  /@cocoindex/localfs/[null,"out"]/"x"\n'
        '    owner:/@page/"x"\n'
        '  /@cocoindex/localfs/[null,"single.txt"]\n'
        "    owner:/\n"
    )


def test_target_states_nest_in_a_tree_below_their_provider(updated: Project) -> None:
    # CLI-19
    assert shown(updated, "--target-states", "--tree", "tree.py") == (
        "Target states:\n"
        "- @cocoindex/localfs\n"
        '  - [null,"out"] owner:/@cocoindex/mount_target/[@cocoindex/localfs,[null,"out"]]\n'
        '    - "a b" owner:/@page/"a b"\n'
        '    - "x" owner:/@page/"x"\n'
        '  - [null,"single.txt"] owner:/\n'
    )


def test_without_target_states_it_says_none(project: Project) -> None:
    # CLI-19
    project.run("update", "one.py")
    assert shown(project, "--target-states", "one.py") == "Target states:\n  (none)\n"
    assert shown(project, "--target-states", "--tree", "one.py") == "Target states:\n  (none)\n"


def test_fingerprints_show_target_states_as_they_are_stored(updated: Project) -> None:
    # CLI-19
    provider, single = "#" + b"\x03cocoindex/localfs\0".hex(), "#" + b"+\x02(single.txt\0\0".hex()
    assert f"  /{provider}/{single}\n    owner:/\n" in shown(updated, "--target-states", "--fingerprints", "tree.py")
    tree = shown(updated, "--target-states", "--tree", "--fingerprints", "tree.py")
    assert tree.splitlines()[1] == f"- {provider}"
    assert f"\n  - {single} owner:/\n" in tree
    assert f"- path:/{provider}/{single}\n" in shown(updated, "--fingerprints", "tree.py", "/")
    assert shown(updated, "--fingerprints", "tree.py") == PATHS


@pytest.mark.parametrize("arguments", [["--db", "state", "--app-name", "Tree"], ["tree.py"], ["explicit.py"]])
def test_showing_works_while_another_process_holds_the_directory(updated: Project, arguments: list[str]) -> None:
    # CLI-16, SE-18
    explicit = TREE.replace(
        'coco.App("Tree", main)',
        'coco.App(coco.AppConfig("Tree", coco.Environment(coco.Settings(db_path="state"))), main)',
    )
    updated.write("explicit.py", explicit)
    with held(updated.directory / "state"):
        assert shown(updated, *arguments) == PATHS
        assert shown(updated, *arguments, "/@page/x") == f"Stable paths:\n{X}\n"
        assert updated.run("ls", "explicit.py").stdout == "./state:\n  Tree\n"


def test_a_module_that_updates_when_it_is_loaded_can_not_do_so_while_it_is_shown(project: Project) -> None:
    project.write("eager.py", PIPELINE + "\n    app.update_blocking()\n")
    result = project.run("show", "eager.py")
    assert result.exit_code == 1
    assert "is open for reading only" in result.stderr
