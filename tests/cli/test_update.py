# Goal: `coco-sim update` runs one app, says what it did, and fails in a way that tells what to do.

import re

import pytest

from .conftest import PIPELINE, Project

FAILING = PIPELINE.replace('print("main ran")', 'raise ValueError("no such luck")')
BACKGROUND = PIPELINE.replace('print("main ran")', "await coco.mount_each(item, [(1, 1), (2, 2)])").replace(
    "    @coco.fn\n    async def main",
    '    @coco.fn\n    def item(number):\n        if number == 2:\n            raise ValueError("bad item")\n\n\n'
    "    @coco.fn\n    async def main",
)

STARTING = PIPELINE.replace('print("main ran")', "await coco.mount(Inbox)").replace(
    "    @coco.fn\n    async def main",
    "    class Inbox:\n        def process(self):\n            pass\n\n"
    '        async def process_live(self, operator):\n            raise ConnectionError("no such host")\n\n\n'
    "    @coco.fn\n    async def main",
)
ROOTLESS = PIPELINE.replace(
    'print("main ran")', 'await coco.mount_each(main, localfs.walk_dir("notes", live=True).items())'
).replace("    import cocoindex as coco", "    import cocoindex as coco\n    from cocoindex.connectors import localfs")


def without_time(output: str) -> str:
    return re.sub(r"\d+\.\ds", "T", output)


def test_an_update_names_the_app_and_reports_what_it_did(project: Project) -> None:
    # CLI-08, STAT-18
    result = project.run("update", "one.py")
    assert result.exit_code == 0
    assert without_time(result.stdout) == (
        "Running app 'One' from environment 'default' (db path: state)\n"
        "main ran\n"
        "[Stats] (terminated)\n✅ main: 1 total | 1 added\n⏳ Elapsed: T\n\n"
    )
    assert result.stderr == ""


def test_the_next_update_finds_the_state_of_the_one_before(project: Project) -> None:
    project.run("update", "one.py")
    assert "1 reprocessed" in project.run("update", "one.py").stdout


def test_quiet_prints_only_what_the_pipeline_prints(project: Project) -> None:
    # CLI-08
    result = project.run("update", "-q", "one.py")
    assert (result.exit_code, result.output) == (0, "main ran\n")


def test_failed_components_are_logged_and_counted_and_the_update_succeeds(project: Project) -> None:
    # CLI-09
    project.write("background.py", BACKGROUND)
    result = project.run("update", "background.py")
    assert result.exit_code == 0
    assert "✅ item: 2 total | 1 added, 1 ⚠️ errors" in result.stdout
    assert "ERROR" in result.stderr
    assert "ValueError: bad item" in result.stderr


def test_the_traceback_of_a_failed_component_begins_in_the_pipeline(project: Project) -> None:
    path = project.write("background.py", BACKGROUND)
    lines = project.run("update", "background.py").stderr.splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[2].startswith(f'  File "{path}", line ')


def test_a_failing_main_ends_with_its_traceback_and_exit_code_1(project: Project) -> None:
    # CLI-09
    path = project.write("failing.py", FAILING)
    result = project.run("update", "failing.py")
    assert result.exit_code == 1
    assert "✅ main: 1 total | 1 ⚠️ errors" in result.stdout
    lines = result.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{path}", line ')
    assert lines[-1] == "ValueError: no such luck"


def test_the_cause_of_a_failure_begins_in_the_pipeline_and_the_engine_is_not_shown(project: Project) -> None:
    # CLI-09, LIV-35
    path = project.write("starting.py", STARTING)
    result = project.run("update", "-q", "starting.py")
    assert result.exit_code == 1
    shown = result.stderr[result.stderr.rindex("Traceback") :].splitlines()
    assert [line for line in shown if line.startswith('  File "')] == [f'  File "{path}", line 18, in process_live']
    assert shown[-5:] == [
        "ConnectionError: no such host",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "RuntimeError: Child component build cancelled: live component /@Inbox raised ConnectionError: no such host",
    ]


def test_a_failure_outside_the_pipeline_shows_where_it_was_raised_and_once(project: Project) -> None:
    # CLI-09, FS-29
    project.write("rootless.py", ROOTLESS)
    result = project.run("update", "-q", "rootless.py")
    assert result.exit_code == 1
    shown = result.stderr[result.stderr.rindex("Traceback") :].splitlines()
    assert "in root_stat" in "".join(shown)
    assert shown[-5].startswith("ValueError: Path is not a directory: ")
    assert shown[-1].startswith(
        "RuntimeError: Child component build cancelled: live component /@main raised ValueError: Path is not a directory: "
    )


def test_a_main_that_exits_ends_the_command_with_its_code(project: Project) -> None:
    project.write("exiting.py", PIPELINE.replace('print("main ran")', "raise SystemExit(3)"))
    assert project.run("update", "exiting.py").exit_code == 3


def test_the_lifespan_ends_with_the_command_also_after_a_failure(project: Project) -> None:
    project.write("failing.py", FAILING.replace("yield", 'yield\n        print("closed")'))
    assert project.run("update", "failing.py").stdout.endswith("\nclosed\n")


@pytest.mark.parametrize("answer", ["no", "", "yess"])
def test_reset_asks_even_without_state_and_anything_but_yes_stops_it(project: Project, answer: str) -> None:
    # CLI-11
    result = project.run("update", "--reset", "one.py", answer=f"{answer}\n")
    assert result.exit_code == 0
    assert "Type 'yes' to reset app 'One' (drop existing state): " in result.stdout
    assert result.stdout.endswith("Update operation aborted.\n")
    assert "main ran" not in result.stdout


@pytest.mark.parametrize("options", [["--reset", "-f"], ["--reset", "-f", "--full-reprocess"]])
def test_reset_by_force_drops_what_was_there_without_a_question(project: Project, options: list[str]) -> None:
    # CLI-11
    project.run("update", "one.py")
    result = project.run("update", *options, "one.py")
    assert "Type 'yes'" not in result.stdout
    assert "✅ main: 1 total | 1 added" in result.stdout


def test_reset_goes_on_after_yes_in_any_case(project: Project) -> None:
    # CLI-11
    project.run("update", "one.py")
    result = project.run("update", "--reset", "one.py", answer="YeS\n")
    assert "✅ main: 1 total | 1 added" in result.stdout


def test_end_of_input_at_the_question_aborts_with_exit_code_1(project: Project) -> None:
    # CLI-11
    result = project.run("update", "--reset", "one.py", answer="")
    assert result.exit_code == 1
    assert result.stderr.endswith("Aborted!\n")


def test_full_reprocess_runs_what_an_update_would_reuse(project: Project) -> None:
    project.write("memo.py", BACKGROUND.replace("@coco.fn\n    def item", "@coco.fn(memo=True)\n    def item"))
    project.run("update", "memo.py")
    assert "1 unchanged" in project.run("update", "memo.py").stdout
    assert "✅ item: 2 total | 1 reprocessed, 1 ⚠️ errors" in project.run("update", "--full-reprocess", "memo.py").stdout


LIVE = """
    import pathlib

    import cocoindex as coco


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    @coco.fn
    async def item(number):
        print("item", number)
        if number == 3:
            raise ValueError("bad item")


    class Feed:
        async def watch(self, subscriber):
            await (await subscriber.update(1, 1)).ready()
            await subscriber.mark_ready()
            for number in (2, 3):
                await (await subscriber.update(number, number)).ready()


    async def main():
        await coco.mount_each(item, Feed())


    app = coco.App("Live", main)
"""


@pytest.mark.parametrize("option", ["-L", "--live"])
def test_a_live_update_goes_on_when_it_is_ready_and_ends_when_nothing_can_follow(project: Project, option: str) -> None:
    # CLI-08, LIV-03
    project.write("live.py", LIVE)
    result = project.run("update", option, "live.py")
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("item")] == ["item 1", "item 2", "item 3"]
    last = result.stdout.partition("[Stats] (terminated)\n")[2].splitlines()
    assert "✅ item: 3 total | 2 added, 1 ⚠️ errors" in last
    assert "ValueError: bad item" in result.stderr


def test_an_update_without_live_ends_when_a_feed_is_ready(project: Project) -> None:
    # CLI-08, FEED-05
    project.write("live.py", LIVE)
    result = project.run("update", "live.py")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line for line in result.stdout.splitlines() if line.startswith("item")] == ["item 1"]


def test_live_goes_with_quiet_reset_and_strict(project: Project) -> None:
    # CLI-08, CLI-11
    project.write("live.py", LIVE)
    assert project.run("update", "-Lq", "live.py").stdout == "item 1\nitem 2\nitem 3\n"
    result = project.run("update", "--live", "--reset", "-f", "live.py")
    assert "✅ item: 3 total | 2 added, 1 ⚠️ errors" in result.stdout
    result = project.run("update", "--live", "--strict", "live.py")
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: 1 component failed; the errors are above.\n")


def test_a_live_update_of_what_is_not_live_is_an_update(project: Project) -> None:
    # CLI-08, LIV-02
    result = project.run("update", "--live", "one.py")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "main ran\n" in result.stdout
    assert "✅ main: 1 total | 1 added" in result.stdout


def test_without_a_state_directory_an_update_says_how_to_name_one(project: Project) -> None:
    # CLI-21
    project.write("nowhere.py", PIPELINE.replace('builder.settings.db_path = pathlib.Path("state")', "pass"))
    result = project.run("update", "nowhere.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the default environment has no state directory")
    assert "Environment settings must provide Settings.db_path" in result.stderr
    assert "COCOINDEX_DB" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_directory_with_the_state_of_cocoindex_is_refused_in_a_sentence(project: Project) -> None:
    (project.directory / "state" / "mdb").mkdir(parents=True)
    result = project.run("update", "one.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "holds CocoIndex's own state" in result.stderr
    assert "main ran" not in result.stdout


def test_state_of_a_newer_version_is_refused_in_a_sentence(project: Project) -> None:
    project.run("update", "one.py")
    file = project.directory / "state" / "sim" / "format.json"
    file.write_text('{"format": 9999, "written_by": "99.0"}')
    result = project.run("update", "one.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the state in ")
    assert "written by cocoindex-sim 99.0" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COCOINDEX_MAX_INFLIGHT_COMPONENTS", "many"),
        ("COCOINDEX_MAX_INFLIGHT_COMPONENTS", "0"),
        ("COCOINDEX_LMDB_MAP_SIZE", "4G"),
        ("COCOINDEX_LMDB_MAP_SIZE", "0"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named_with_its_value(
    project: Project, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    # CLI-21
    monkeypatch.setenv(variable, value)
    result = project.run("update", "one.py")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert variable in result.stderr
    assert value in result.stderr


FILES = """
    import pathlib

    import cocoindex as coco
    from cocoindex.connectors import localfs


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    @coco.fn(memo=True)
    async def copy(file, output):
        output.declare_file(file.file_path.name, await file.read_text(errors="strict"))


    @coco.fn
    async def main():
        output = await localfs.mount_dir_target(pathlib.Path("out"))
        await coco.mount_each(copy, localfs.walk_dir(pathlib.Path("in")).items(), output)


    app = coco.App("Files", main)
"""


def test_a_preview_is_a_diff_of_target_states_and_changes_nothing(project: Project) -> None:
    # CLI-10
    project.write("files.py", FILES)
    project.write("in/a.txt", "one")
    project.write("in/b.txt", "two")
    project.run("update", "files.py")
    project.write("in/a.txt", "three")
    (project.directory / "in/b.txt").unlink()
    project.write("in/c.txt", "four")
    result = project.run("update", "--preview", "files.py")
    box = '/@cocoindex/localfs/[null,"out"]'
    assert result.stdout.splitlines()[1:] == [
        "Preview: planned target actions",
        f'= {box}  (by /@cocoindex/mount_target/[@cocoindex/localfs,[null,"out"]])',
        "    EnsureDir('out')",
        f'~ {box}/"a.txt"  (by /@copy/"a.txt")',
        "    WriteFile('out/a.txt', 5 bytes)",
        f'- {box}/"b.txt"  (by /@copy/"b.txt")',
        "    Remove('out/b.txt')",
        f'+ {box}/"c.txt"  (by /@copy/"c.txt")',
        "    WriteFile('out/c.txt', 4 bytes)",
        "1 to add, 1 to change, 1 to remove, 1 to assert.",
    ]
    assert sorted(path.name for path in (project.directory / "out").iterdir()) == ["a.txt", "b.txt"]


def test_a_preview_without_actions_says_so(project: Project) -> None:
    # CLI-10
    assert project.run("update", "--preview", "one.py").stdout.endswith("\nNo target actions planned.\n")


@pytest.mark.parametrize("other", ["--reset", "--live"])
def test_a_preview_goes_with_neither_reset_nor_live(project: Project, other: str) -> None:
    # CLI-10
    result = project.run("update", "--preview", other, "one.py")
    assert result.exit_code == 2
    assert "cannot be used together" in result.stderr


def test_a_strict_update_exits_1_when_a_component_failed_and_keeps_what_succeeded(project: Project) -> None:
    # SE-10, EDGE-08
    project.write("files.py", FILES)
    project.write("in/a.txt", "one")
    (project.directory / "in/bad.txt").write_bytes(b"\xff")
    result = project.run("update", "--strict", "files.py")
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: 1 component failed; the errors are above.\n")
    assert (project.directory / "out/a.txt").read_text() == "one"
    assert project.run("update", "files.py").exit_code == 0
