# Goal: --coco-update puts expectations right and touches nothing else; --coco-promote writes files that fail alike.

from __future__ import annotations

from pathlib import Path

import pytest

from .plugin_project import FAILING, PIPELINE, RACE, Project

WRONG = """\
# Where it begins.
app: ../app/main.py
given:
  files:
    docs/a.txt: a    # in small letters
    docs/b.txt: |
      two
      lines

scenarios:
  - name: all is wrong   # and stays so
    steps:
      - update
      - expect:
          # What there should be:
          targets: {out/a.txt: X, out/c.txt: {contains: Y}}   # in capitals
          stats: {total: {num_adds: 7}, shout: {num_errors: 0}}
      - fs.write: {docs/a.txt: aa}
      - update
      - expect: {diff: {added: out/a.txt}, targets: {out/a.txt: {contains: A}, out/b.txt: {matches: "^X"}}}

  - name: all is right
    steps:
      - update
      - expect: {targets: {out/a.txt:   A, 'out/b.txt': "TWO\\nLINES\\n"}}
"""

RIGHT = """\
# Where it begins.
app: ../app/main.py
given:
  files:
    docs/a.txt: a    # in small letters
    docs/b.txt: |
      two
      lines

scenarios:
  - name: all is wrong   # and stays so
    steps:
      - update
      - expect:
          # What there should be:
          targets: {out/a.txt: A, out/b.txt: "TWO\\nLINES\\n"}   # in capitals
          stats: {total: {num_adds: 4}, shout: {num_errors: 0}}
      - fs.write: {docs/a.txt: aa}
      - update
      - expect: {diff: {changed: out/a.txt}, targets: {out/a.txt: {contains: A}, out/b.txt: "TWO\\nLINES\\n"}}

  - name: all is right
    steps:
      - update
      - expect: {targets: {out/a.txt:   A, 'out/b.txt': "TWO\\nLINES\\n"}}
"""


def files_of(project: Project) -> list[str]:
    return sorted(path.name for path in (project.path / "scenarios").iterdir())


def read(project: Project, name: str = "shout") -> str:
    return (project.path / f"scenarios/{name}.coco.yaml").read_text("utf-8")


def test_expectations_are_put_right_where_they_stand(project: Project) -> None:
    project.write("scenarios/shout.coco.yaml", WRONG)
    result = project.run("--coco-scenarios", "--coco-update")
    result.assert_outcomes(passed=2)
    assert read(project) == RIGHT
    assert "rewritten: 4 expectations in scenarios/shout.coco.yaml" in result.outlines
    assert files_of(project) == ["shout.coco.yaml"]
    # Then there is nothing more to do.
    again = project.run("--coco-scenarios", "--coco-update")
    again.assert_outcomes(passed=2)
    assert not [line for line in again.outlines if "rewritten" in line]
    project.run("--coco-scenarios").assert_outcomes(passed=2)


def test_workers_hand_over_what_they_found(project: Project) -> None:
    many = [WRONG.replace("all is wrong", f"wrong {n}").replace("all is right", f"right {n}") for n in range(2)]
    project.write("scenarios/shout.coco.yaml", many[0] + many[1].partition("scenarios:\n")[2])
    project.write("scenarios/other.coco.yaml", WRONG)
    result = project.run_apart("--coco-scenarios", "--coco-update", "-n", "2", "-p", "no:randomly")
    result.assert_outcomes(passed=6)
    right = [RIGHT.replace("all is wrong", f"wrong {n}").replace("all is right", f"right {n}") for n in range(2)]
    assert read(project) == right[0] + right[1].partition("scenarios:\n")[2]
    assert read(project, "other") == RIGHT


def test_without_being_asked_nothing_is_rewritten(project: Project) -> None:
    project.write("scenarios/shout.coco.yaml", WRONG)
    project.run("--coco-scenarios").assert_outcomes(passed=1, failed=1)
    assert read(project) == WRONG


def test_what_depends_on_the_schedule_is_not_put_right(project: Project) -> None:
    project.write("app/main.py", PIPELINE + RACE)
    text = "app: ../app/main.py\nsteps:\n  - update\n  - expect: {targets: {out/order.txt: cba}}\n"
    project.write("scenarios/shout.coco.yaml", text)
    result = project.run("--coco-scenarios", "--coco-update", "--coco-runs=10")
    result.assert_outcomes(failed=1)
    assert (
        "--coco-update has rewritten nothing here: what it would expect does not hold in every run." in result.outlines
    )
    assert read(project) == text


@pytest.mark.parametrize(
    "steps",
    [
        "  - update\n  - expect: {raises: {type: ValueError}}\n",  # whether something is raised at all
        "  - start: {live: true}\n  - expect: {terminates: false}\n",
        "  - fs.write: {docs/a.txt: BAD}\n  - update\n",
        "  - update\n  - expect: {stats: {whisper: {num_adds: 1}}}\n",
    ],
)
def test_what_is_not_about_data_is_for_people_to_change(project: Project, steps: str) -> None:
    text = f"app: ../app/main.py\ngiven: {{files: {{docs/a.txt: a}}}}\nsteps:\n{steps}"
    project.write("scenarios/shout.coco.yaml", text)
    project.run("--coco-scenarios", "--coco-update").assert_outcomes(failed=1)
    assert read(project) == text


def test_the_error_that_is_expected_is_put_right(project: Project) -> None:
    text = """app: ../app/main.py
given: {files: {docs/a.txt: BAD}}
steps:
  - update
  - expect: {raises: {type: KeyError, matches: good (?:document)}}
"""
    project.write("scenarios/shout.coco.yaml", text)
    project.run("--coco-scenarios", "--coco-update").assert_outcomes(passed=1)
    assert read(project) == text.replace("KeyError", "ValueError").replace("good (?:document)", "bad document")


def test_updating_and_replaying_do_not_go_together(project: Project) -> None:
    result = project.run("--coco-scenarios", "--coco-update", "--coco-replay=1.")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --coco-update needs all runs of a scenario, and --coco-replay makes one;*"])


def test_a_file_that_was_changed_meanwhile_is_left_alone(project: Project) -> None:
    project.write("scenarios/shout.coco.yaml", WRONG)
    project.write(
        "conftest.py",
        "import pathlib, pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_teardown(item):\n"
        "    path = pathlib.Path('scenarios/shout.coco.yaml')\n"
        "    path.write_text(path.read_text().replace('all is wrong', 'some is wrong'))\n",
    )
    result = project.run("--coco-scenarios", "--coco-update")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert read(project) == WRONG.replace("all is wrong", "some is wrong")
    result.stdout.fnmatch_lines(["not rewritten: *shout.coco.yaml: the file has changed since 'all is wrong' was run*"])


def promoted(project: Project) -> Path:
    (name,) = set(files_of(project)) - {"shout.coco.yaml", "failing.coco.yaml"}
    return project.path / "scenarios" / name


def test_a_failure_becomes_a_file_that_fails_alike(project: Project) -> None:
    racing = PIPELINE + RACE.replace(
        "    output = await", "    if order[0] == 'c': raise ValueError(order)\n    output = await"
    )
    project.write("app/main.py", racing)
    text = """app: ../app/main.py
given: {files: {docs/a.txt: a, docs/b.txt: b}}
name: a race
steps:
  - fs.write: {docs/c.txt: c}
  - update
  - expect: {targets: {out/order.txt: abc}}
  - update
"""
    project.write("scenarios/failing.coco.yaml", text)
    (project.path / "scenarios/shout.coco.yaml").unlink()
    result = project.run("--coco-scenarios", "--coco-promote", "--coco-runs=40")
    result.assert_outcomes(failed=1)
    path = promoted(project)
    assert path.name == "failing-a_race.coco.yaml"
    assert "promoted: scenarios/failing-a_race.coco.yaml" in result.outlines
    assert "promoted: scenarios/failing-a_race.coco.yaml  (scenarios/failing.coco.yaml::a race)" in result.outlines
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# Promoted from failing.coco.yaml, line 1, where it failed: the ")
    assert lines[1:3] == ["name: a race (expectation)", "app: ../app/main.py"]
    assert lines[3].startswith("recording: ")
    assert "  - fs.write: {docs/c.txt: c}" not in lines
    # It fails at once, in the run that it has the recording of.
    again = project.run("--coco-scenarios", "scenarios/failing-a_race.coco.yaml", "--coco-runs=0", "--coco-promote")
    again.assert_outcomes(failed=1)
    assert "found by: the recording in the file, run 1 of this scenario" in again.outlines
    # What is promoted already is not promoted again.
    once_more = project.run("--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-promote", "--coco-runs=40")
    assert "promoted: scenarios/failing-a_race.coco.yaml" in once_more.outlines
    assert len(files_of(project)) == 3
    # When the bug is gone, it passes.
    project.write("app/main.py", racing.replace("order.append(name)", "order.append(name); order.sort()"))
    project.run("--coco-scenarios", os_path(path), "--coco-runs=0", "--coco-crashes=none").assert_outcomes(passed=1)


def os_path(path: Path) -> str:
    return str(path)


def test_an_expectation_that_never_holds_is_promoted_too(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    project.run("--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-promote").assert_outcomes(failed=1)
    again = project.run("--coco-scenarios", os_path(promoted(project)))
    again.assert_outcomes(failed=1)
    assert "found by: the recording in the file, run 1 of this scenario" in again.outlines


def test_workers_promote_too_and_the_session_says_what(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    result = project.run_apart("--coco-scenarios", "--coco-promote", "-n", "2", "-p", "no:randomly")
    result.assert_outcomes(passed=2, failed=1)
    promotion = f"promoted: scenarios/{promoted(project).name}"
    assert promotion in result.outlines
    assert f"{promotion}  (scenarios/failing.coco.yaml::b is not c)" in result.outlines


CRASHING = PIPELINE.replace(
    "    output.declare_file(",
    """    from cocoindex_sim.engine import current_process
    files = current_process().ports.file_system
    if files.getcwd() and pathlib.Path("once").exists():
        text = "again"
    files.replace_content("once", b"")
    output.declare_file(""",
)


def test_a_crash_is_promoted_with_its_moment(project: Project) -> None:
    project.write("app/main.py", CRASHING)
    text = "app: ../app/main.py\ngiven: {files: {docs/a.txt: a}}\nname: once\nsteps:\n  - update\n"
    project.write("scenarios/failing.coco.yaml", text)
    result = project.run("--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-promote", "--coco-crashes=all")
    result.assert_outcomes(failed=1)
    path = promoted(project)
    assert ".h" in next(line for line in path.read_text("utf-8").splitlines() if line.startswith("recording: "))
    again = project.run("--coco-scenarios", os_path(path), "--coco-runs=0")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["scenarios/failing-once_crash.coco.yaml:*: crash: with the process killed *"])
    assert "found by: the recording in the file, run 1 of this scenario" in again.outlines


def test_what_takes_two_runs_to_see_is_not_promoted(project: Project) -> None:
    # Each run takes a step more than the one before.
    counting = """    import sys
    sys.coco_count = getattr(sys, "coco_count", 0) + 1
    for _ in range(sys.coco_count):
        await asyncio.sleep(0)
    output.declare_file("""
    project.write("app/main.py", PIPELINE.replace("    output.declare_file(", counting))
    text = "app: ../app/main.py\ngiven: {files: {docs/a.txt: a}}\nname: two\nsteps:\n  - update\n"
    project.write("scenarios/failing.coco.yaml", text)
    result = project.run(
        "--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-promote", "--coco-check-determinism", "--coco-runs=0"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*: determinism: *", "not promoted: it takes more than one run to see this failure,*"])
    assert files_of(project) == ["failing.coco.yaml", "shout.coco.yaml"]
