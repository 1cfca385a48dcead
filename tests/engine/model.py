"""What a pipeline is made of, and what its targets must hold. Nothing of the engine is used here: the model is its judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Where: TypeAlias = tuple[str, str]
"""A target state: the table it is a row of, "" for none, and its key. `note:x` is an attachment of a table."""

HOWS = ["mount", "ready", "use", "caught", "directory", "below", "each"]
KINDS = ["memo", "forgets", "sync"]
VIAS = ["body", "call", "nested"]


class Declared(NamedTuple):
    """A state's value, and what declares it: the body, an inline memoized call, or one within another."""

    value: int
    via: str


@dataclass
class Node:
    """A component. `how` it is mounted, what `kind` of function it is, whether it `counts` its runs with use_state."""

    how: str = "mount"
    kind: str = "forgets"
    counts: bool = False
    tables: dict[str, int] = field(default_factory=dict)
    states: dict[Where, Declared] = field(default_factory=dict)


class Model:
    """The sources of a pipeline, by the names that lead to each component; the root is always there."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, ...], Node] = {(): Node()}
        self.versions = {"memo": 0, "forgets": 0, "sync": 0, "call": 0, "derive": 0, "outer": 0, "setting": 0}

    def edit(self, edit: tuple[Any, ...]) -> None:
        """Change a source. Nodes and declared states are given by number, so that every edit means something."""
        kind, nth, *rest = edit
        path = sorted(self.nodes)[nth % len(self.nodes)]
        node = self.nodes[path]
        states = [(one, where) for one in sorted(self.nodes) for where in self.nodes[one].states]
        match kind:
            case "add" if len(path) < 3:
                name, how, node_kind = rest
                added = self.nodes.setdefault((*path, name), Node())
                added.how, added.kind = how, node_kind
            case "remove" if path:
                del self.nodes[path]  # what is below stays, out of reach, until there is a node of this name again
            case "count":
                node.counts = not node.counts
            case "state":  # moves from wherever it was
                where, value, via = rest
                for other in self.nodes.values():
                    other.states.pop(where, None)
                node.states[where] = Declared(value, via)
            case "contest" if states:
                value, via = rest[1:]
                node.states[states[rest[0] % len(states)][1]] = Declared(value, via)
            case "leave" if states:
                one, where = states[nth % len(states)]
                del self.nodes[one].states[where]
            case "table":  # likewise
                table, value = rest
                for other in self.nodes.values():
                    other.tables.pop(table, None)
                if value:
                    node.tables[table] = value
            case "version":
                self.versions[rest[0]] = rest[1]

    def live(self) -> list[tuple[str, ...]]:
        """The components that are mounted: nothing is below what is gone, nor below a sync function."""
        above = [[path[:n] for n in range(len(path))] for path in self.nodes]
        return sorted(
            path for path, tops in zip(self.nodes, above, strict=True)
            if all(top in self.nodes and self.nodes[top].kind != "sync" for top in tops)
        )  # fmt: skip

    def place(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The stable path of a component, in parts."""
        parts: list[str] = []
        for n, name in enumerate(path, 1):
            node = self.nodes[path[:n]]
            before = {"directory": ["dir"], "each": ["each", node.kind]}.get(node.how, [])
            parts += [*before, name, *(["x"] if node.how == "below" else [])]
        return tuple(parts)

    def declared(self, path: tuple[str, ...]) -> dict[Where, Declared]:
        """What a component declares: rows only where the table is declared by itself or above it."""
        tables = {"", *(table for n in range(len(path) + 1) for table in self.tables_of(path[:n]))}
        return {where: one for where, one in self.nodes[path].states.items() if where[0] in tables}

    def tables_of(self, path: tuple[str, ...]) -> dict[str, int]:
        """The tables a component declares; a sync function can't."""
        return self.nodes[path].tables if self.nodes[path].kind != "sync" else {}

    def tables(self) -> dict[str, int]:
        """The tables there are."""
        return {table: value for path in self.live() for table, value in self.tables_of(path).items()}

    def expected(self) -> dict[Where, set[str]]:
        """The states there are, with what each may be: more than one where components contest it."""
        found: dict[Where, set[str]] = {}
        versions = self.versions
        for path in self.live():
            for (table, key), (value, via) in self.declared(path).items():
                if via == "body":
                    found.setdefault((table, key), set()).add(f"{value}.{versions[self.nodes[path].kind]}")
                    continue
                result = f"{value}.{versions['derive']}.{versions['setting']}.{versions['call']}"
                found.setdefault((table, key), set()).add(result)
                if not table:  # what the call returned is declared, too
                    echo = result if via == "call" else f"{result}.{versions['outer']}"
                    found.setdefault((table, f"{key}~"), set()).add(echo)
        return found

    def contested(self) -> set[Where]:
        """The states that more than one component declares."""
        seen: set[Where] = set()
        twice: set[Where] = set()
        for path in self.live():
            for table, key in self.declared(path):
                both = {(table, key), (table, f"{key}~")}
                twice |= both if (table, key) in seen else set()
                seen.add((table, key))
        return twice
