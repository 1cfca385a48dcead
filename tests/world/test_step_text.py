# Goal: a step is told in the words of scenario files.

from pathlib import Path

import pytest

from cocoindex_sim.world import (
    AppendFiles,
    Call,
    DeleteKeys,
    Hold,
    InjectTrouble,
    MapTrouble,
    Place,
    Release,
    SetKeys,
    Step,
)
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
    "fs.append: a.log: 'one'": AppendFiles(AT, (("a.log", b"one"),)),
    "call: shop.sell(item: 'apple', count: 3)": Call(AT, "shop", "sell", (("item", "apple"), ("count", 3))),
    "call: shop.close()": Call(AT, "shop", "close"),
    "hold: at: fs.read, nth: 2": Hold(AT, "fs.read", 2),
    "release": Release(AT),
    "target.inject: slow at an action of target 'mirror'": InjectTrouble(AT, "target", "mirror", "slow"),
}


@pytest.mark.parametrize(("text", "step"), TEXTS.items(), ids=TEXTS)
def test_a_step_is_told_in_the_words_of_scenario_files(text: str, step: Step) -> None:
    assert step_text(step) == text
