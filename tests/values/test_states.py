"""Goal: there is one absence marker, whatever is done to it."""

from __future__ import annotations

import copy
import pickle

import cocoindex_sim as coco


def test_there_is_one_absence_marker() -> None:
    marker = coco.NON_EXISTENCE
    assert coco.NonExistenceType() is marker
    assert copy.copy(marker) is marker
    assert copy.deepcopy([marker])[0] is marker
    assert pickle.loads(pickle.dumps(marker)) is marker
    assert repr(marker) == "NON_EXISTENCE"


def test_only_the_marker_means_absence() -> None:
    assert coco.is_non_existence(coco.NON_EXISTENCE)
    for other in (None, False, 0, "", coco.NonExistenceType):
        assert not coco.is_non_existence(other)
