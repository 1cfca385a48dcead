"""A lending library that an author plays, and the connector that follows which books are out."""

from __future__ import annotations

import asyncio
from typing import Any

import cocoindex as coco


class Library:
    """What scenarios call: books are lent and given back; nobody hears of it who is not listening."""

    def __init__(self) -> None:
        self.loans: dict[str, str] = {}
        self.listeners: list[asyncio.Event] = []

    def lend(self, book: str, reader: str) -> None:
        self.loans[book] = reader
        self._tell()

    def give_back(self, book: str) -> None:
        self.loans.pop(book, None)
        self._tell()

    async def weekend(self, hours: int) -> None:
        """Readers bring books back, one an hour."""
        for book in sorted(self.loans)[:hours]:
            await asyncio.sleep(3600)
            self.give_back(book)

    def _tell(self) -> None:
        for listener in self.listeners:
            listener.set()

    # What the connector calls.

    def listen(self) -> asyncio.Event:
        listener = asyncio.Event()
        self.listeners.append(listener)
        return listener

    async def list_loans(self) -> dict[str, str]:
        await asyncio.sleep(0.05)
        found = dict(self.loans)
        await asyncio.sleep(0.05)
        return found

    def save(self) -> dict[str, str]:
        return dict(self.loans)

    def load(self, loans: dict[str, str]) -> None:
        self.loans = dict(loans)


class Loans:
    """The connector: all loans, listed again whenever something is told. It listens before it looks."""

    def __init__(self, library: Any) -> None:
        self._library = library

    async def __aiter__(self) -> Any:
        for book, reader in (await self._library.list_loans()).items():
            yield book, reader

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, str]) -> None:
        told = self._library.listen()
        await subscriber.update_all()
        await subscriber.mark_ready()
        while True:
            await told.wait()
            told.clear()
            await subscriber.update_all()


def loans(library: Any) -> Loans:
    return Loans(library)
