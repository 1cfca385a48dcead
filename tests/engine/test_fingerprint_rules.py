"""Goal: which rule makes the fingerprint of a value, what hooks and registrations change, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import (
    NotMemoKeyable,
    Process,
    fingerprint_object,
    memo_fingerprint,
    register_memo_key_function,
)
from cocoindex_sim.engine._fingerprint import fingerprint_call

from .bench import Bench
from .test_fingerprint import distinct, same


class HookedStr(str):
    def __coco_memo_key__(self) -> object:
        return "hook"


class Hooked:
    def __init__(self, key: object = "key") -> None:
        self.key = key

    def __coco_memo_key__(self) -> object:
        return self.key


class SubHooked(Hooked):
    pass


class HookedList(list[int]):
    def __coco_memo_key__(self) -> object:
        return "hook"


class Base:
    pass


class Middle(Base):
    pass


class Leaf(Middle):
    pass


class Numbers(list[int]):
    pass


class SequenceAndMapping(dict[str, int]):
    pass


Sequence.register(SequenceAndMapping)


class MappingAndSet(dict[str, int]):
    pass


Set.register(MappingAndSet)


@dataclass
class SetWithFields(Set[int]):
    label: str

    def __contains__(self, item: object) -> bool:
        return item in (1, 2)

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2))

    def __len__(self) -> int:
        return 2


@dataclass
class Unpicklable:
    x: int

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AssertionError("asked for its pickle")


class UnpicklableModel(pydantic.BaseModel):
    x: int

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise AssertionError("asked for its pickle")


@dataclass
class Spot:
    x: int


def test_a_primitive_is_one_before_it_is_anything_else() -> None:  # MEM-01, MEM-02
    assert same(HookedStr("x"), "x")
    assert distinct(HookedStr("x"), HookedStr("hook"))


def test_a_hook_goes_before_a_registration_and_before_items(bench: Bench) -> None:  # MEM-01
    before = [fingerprint_object(Hooked()), fingerprint_object(HookedList())]
    register_memo_key_function(Hooked, lambda _: "registered")
    register_memo_key_function(HookedList, lambda _: "registered")
    assert [fingerprint_object(Hooked()), fingerprint_object(HookedList())] == before
    assert same(HookedList([1]), HookedList([2]))


def test_a_registration_goes_before_items(bench: Bench) -> None:  # MEM-01
    assert same(Numbers([1]), [1])
    register_memo_key_function(Numbers, len)
    assert not same(Numbers([1]), [1])
    assert same(Numbers([1]), Numbers([2]))


def test_the_registration_of_the_most_specific_base_is_used(bench: Bench) -> None:  # MEM-01
    used: list[str] = []
    register_memo_key_function(Middle, lambda _: used.append("Middle"))
    register_memo_key_function(Base, lambda _: used.append("Base"))
    register_memo_key_function(object, lambda _: used.append("object"))
    for value in (Leaf(), Middle(), Base()):
        fingerprint_object(value)
    assert used == ["Middle", "Middle", "Base"]


def test_a_sequence_is_one_before_it_is_a_mapping() -> None:  # MEM-01
    assert same(SequenceAndMapping(a=1), ["a"])


def test_a_mapping_is_one_before_it_is_a_set() -> None:  # MEM-01
    assert same(MappingAndSet(a=1), {"a": 1})


def test_a_set_is_one_before_it_is_a_dataclass() -> None:  # MEM-01
    assert same(SetWithFields("one"), {1, 2})


@pytest.mark.parametrize("cls", [Unpicklable, UnpicklableModel])
def test_fields_go_before_pickle(cls: Any) -> None:  # MEM-01
    assert same(cls(x=1), cls(x=1))
    assert not same(cls(x=1), cls(x=2))


def test_what_nothing_else_fits_is_taken_by_what_pickle_makes_it_from() -> None:  # MEM-01
    def base(x: int) -> Base:
        made = Base()
        made.x = x  # type: ignore[attr-defined]  # an attribute of the instance is the point
        return made

    assert same(base(1), base(1))
    assert distinct(base(1), base(2), Base(), Middle())


PRIMITIVES: list[Any] = [
    None,
    True,
    3,
    1.5,
    "text",
    b"bytes",
    bytearray(b"bytes"),
    memoryview(b"bytes"),
    HookedStr("x"),
]


@pytest.mark.parametrize("value", PRIMITIVES, ids=lambda value: type(value).__name__)
def test_a_registration_does_not_change_a_primitive(bench: Bench, value: Any) -> None:  # MEM-02
    before = fingerprint_object(value)
    for cls in (type(value), object):
        register_memo_key_function(cls, lambda _: "registered")
    assert fingerprint_object(value) == before
    assert same(Leaf(), Base())  # the registration of `object` does count elsewhere


def test_what_a_hook_gives_is_tagged_with_the_class_of_the_object() -> None:  # MEM-05
    assert same(Hooked("k"), Hooked("k"))
    assert distinct(Hooked("k"), SubHooked("k"), "k", ["k"])


def test_what_a_registered_function_gives_is_tagged_with_the_registered_class(bench: Bench) -> None:  # MEM-05
    register_memo_key_function(Base, lambda _: "k")
    register_memo_key_function(Spot, lambda _: "k")
    assert same(Base(), Leaf())
    assert distinct(Base(), Spot(1), Hooked("k"), "k")
    assert same(Spot(1), Spot(2))  # a registration goes before fields
    register_memo_key_function(Middle, lambda _: "k")
    assert same(Middle(), Leaf())
    assert distinct(Base(), Middle())


def test_a_registered_state_function_changes_the_key(bench: Bench) -> None:  # MEM-05
    register_memo_key_function(Base, lambda _: "k")
    before = fingerprint_object(Base())
    register_memo_key_function(Base, lambda _: "k", state_fn=lambda obj, previous: None)
    assert fingerprint_object(Base()) != before


def test_a_state_method_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:  # MEM-05
    before = fingerprint_object(Hooked())
    monkeypatch.setattr(Hooked, "__coco_memo_state__", lambda self, previous: None, raising=False)
    assert fingerprint_object(Hooked()) != before


def test_registrations_of_the_outer_process_are_found(bench: Bench) -> None:
    class Foreign:
        pass

    coco.register_memo_key_function(Foreign, lambda it: "outer")
    outer = memo_fingerprint(Foreign())
    with Process(bench.process.ports, bench.process).active():
        assert memo_fingerprint(Foreign()) == outer
        coco.register_memo_key_function(Foreign, lambda it: "inner")
        assert memo_fingerprint(Foreign()) != outer
    assert memo_fingerprint(Foreign()) == outer


def test_state_functions_are_found_in_the_order_of_the_key() -> None:
    # MEM-20: equal calls meet their states in one order, whatever order a dict or set gives its items in
    class Source(Hooked):
        def __coco_memo_state__(self, previous: Any) -> Any:
            return self.key

    def found(*args: Any) -> list[Any]:
        _, states = fingerprint_call(b"f" * 16, args, {})
        return [state(None) for state in states]

    items = [(name, Source(name)) for name in "dcab"]
    assert found(dict(items)) == found(dict(reversed(items)))
    assert found([Source(1), {"k": (Source(2),)}], Source(3)) == [1, 2, 3]
    shared = Source(1)
    assert found(shared, [shared]) == [1, 1]
    inner = Source("inner")
    assert found(Source(inner)) == ["inner", inner]


# --- NotMemoKeyable ---


class Secret(NotMemoKeyable):
    pass


class SecretText(str, NotMemoKeyable):
    pass


class SecretHook(Hooked, NotMemoKeyable):
    pass


@dataclass
class Holder:
    part: object


@pytest.mark.parametrize("make", [Secret, SecretText, SecretHook])
@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: [1, s], lambda s: {"k": s}, lambda s: {s: 1}, lambda s: {s}, Holder, Hooked],
)
def test_what_is_not_keyable_is_refused_at_any_depth(make: Any, wrap: Callable[[Any], Any]) -> None:  # MEM-08
    with pytest.raises(TypeError, match=f"{make.__name__} cannot be used as a memoization key"):
        memo_fingerprint(wrap(make()))


def test_a_registration_does_not_make_it_keyable(bench: Bench) -> None:  # MEM-08
    register_memo_key_function(Secret, lambda _: "k")
    with pytest.raises(TypeError, match="Secret cannot be used as a memoization key"):
        memo_fingerprint(Secret())
    assert same(Secret, Secret)  # the class is only a name


@pytest.mark.parametrize("how", ["call", "use_mount", "mount", "mount_each"])
def test_a_call_and_a_mount_refuse_it_before_the_body_runs(bench: Bench, how: str) -> None:  # MEM-08
    ran: list[object] = []

    @coco.fn(memo=True)
    async def child(arg: object) -> None:
        ran.append(arg)

    async def main(arg: object) -> None:
        if how == "call":
            await child(arg)
        elif how == "mount":  # without waiting for it
            await coco.mount(child, arg)
        elif how == "mount_each":
            await coco.mount_each(child, [("k", arg)])
        else:
            await coco.use_mount(child, arg)

    with pytest.raises(TypeError, match="Secret cannot be used as a memoization key"):
        bench.update(bench.app(main, [Secret()]))
    assert ran == []
    bench.update(bench.app(main, ["open"], name="other"))
    assert ran == [["open"]]
