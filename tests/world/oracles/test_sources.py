# Goal: sources hold all that a story put there and nothing of the pipeline's, and fill a fresh world with the same.

from pathlib import Path

from cocoindex_sim.world import World
from cocoindex_sim.world._oracles._changes import Witness
from cocoindex_sim.world._oracles._sources import fill, sources_of
from cocoindex_sim.world._oracles._targets import targets_of


def told(world: World) -> None:
    files = world.files
    files.write("/project/in/b", b"two", parents=True)
    files.write("/project/in/a", b"one")
    files.chmod("/project/in/a", 0o600)
    files.symlink("a", "/project/in/c")
    files.mkdir("/project/empty")
    files.chmod("/project/empty", 0o500)
    world.map("m").set("k", 1)
    world.map("m").delete("k")
    world.map("m").set("l", [2])
    world.kafka.create_topic("t", 2)
    world.kafka.produce("t", "v", "k", partition=1, headers={"h": b"x"})
    world.kafka.tombstone("t", "k", partition=1)


def test_a_filled_world_has_the_same_sources() -> None:
    with World() as first, World(7) as second:
        told(first)
        sources = sources_of(first, ())
        fill(second, sources)
        assert sources_of(second, ()) == sources
        assert second.files.mode("/project/in/a") == 0o600
        assert second.files.readlink("/project/in/c") == "a"
        assert second.map("m").entries == {"l": [2]}
        assert [message.partition() for message in second.kafka.messages("t")] == [1, 1]


def test_what_the_pipeline_wrote_is_a_target_and_no_source() -> None:
    with World() as world:
        told(world)
        before = sources_of(world, ())
        witness = Witness(world)
        world.files.mkdir("/project/out", writer="pipeline")
        world.files.replace_content("/project/out/x", b"made", writer="pipeline")
        world.target("rows").do("r", 1)
        assert witness.version == 0
        assert witness.versions == [before]
        assert witness.targets() == targets_of(world) == {"out/x": b"made", "rows/r": 1}
        assert [(change.key, change.value) for change in witness.applied] == [("out/x", b"made"), ("rows/r", 1)]


def test_a_change_of_the_story_is_a_version_of_its_own() -> None:
    with World() as world:
        witness = Witness(world)
        assert witness.version == 0
        world.map("m").set("k", 1)
        assert witness.version == 1
        world.files.write("/project/a", b"one")
        assert witness.version == 2
        world.files.touch("/project/a")
        assert witness.version == 2
        world.files.chmod("/project/a", 0o600)
        world.files.symlink("a", "/project/b")
        assert witness.version == 3
        world.kafka.produce("t", "v", "k")
        assert witness.version == 4


def test_what_somebody_else_does_to_a_target_is_no_action_of_the_pipeline() -> None:
    with World() as world:
        witness = Witness(world)
        world.files.replace_content("/project/x", b"made", writer="pipeline")
        world.files.write("/project/x", b"by hand")
        world.target("rows").put("r", 1)
        assert [change.key for change in witness.applied] == ["x"]
        assert witness.targets() == {"rows/r": 1}


def test_of_a_log_a_part_may_be_taken() -> None:
    with World() as world:
        told(world)
        sources = sources_of(world, ())
        assert sources.log("m") == [0, 1, 2]
        assert sources.log("t/1") == [0, 1]
        assert sources.log("t/0") == sources.log("nothing") == []
        assert sources.until("m", 1).log("m") == [0]
        assert sources.until("m", 1).log("t/1") == [0, 1]
        assert sources.until("t/1", 1).log("t/1") == [0]
        assert sources.until("t/1", 2) == sources


def test_paths_outside_the_working_directory_are_told_from_it() -> None:
    with World() as world:
        witness = Witness(world)
        world.files.mkdir("/elsewhere", writer="script")
        world.files.replace_content("/elsewhere/x", b"made", writer="pipeline")
        assert set(witness.targets()) == {str(Path("../elsewhere/x"))}
