# Goal: a step about a map or a target is told in the words of scenario files.

from pathlib import Path

import pytest

from cocoindex_sim.world import DeleteKeys, InjectTrouble, MapTrouble, Place, SetKeys, Step
from cocoindex_sim.world._step_text import step_text

AT = Place(Path("x.coco.yaml"), 1, 1)

TEXTS: dict[str, Step] = {
    "map.set: a: 'apples', users/b: 'bananas'": SetKeys(AT, (("map", "a", "apples"), ("users", "b", "bananas"))),
    "map.delete: a, users/b": DeleteKeys(AT, (("map", "a"), ("users", "b"))),
    "map.watch: goes silent": MapTrouble(AT, "map", "silence"),
    "map.watch: dies, map: users": MapTrouble(AT, "users", "kill"),
    "map.hold: scan": MapTrouble(AT, "map", "hold", "scan"),
    "map.release": MapTrouble(AT, "map", "release"),
    "map.inject: late at 'deliver' of map 'map'": InjectTrouble(AT, "map", "map", "late", "deliver"),
    "target.inject: slow at an action of target 'mirror'": InjectTrouble(AT, "target", "mirror", "slow"),
}


@pytest.mark.parametrize(("text", "step"), TEXTS.items(), ids=TEXTS)
def test_a_step_is_told_in_the_words_of_scenario_files(text: str, step: Step) -> None:
    assert step_text(step) == text
