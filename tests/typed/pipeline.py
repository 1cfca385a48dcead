"""Goal: what authors write, annotated as they would, passes a strict type checker; `mypy` reads this file, a test runs it."""

import pathlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, assert_type

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.resources.file import FileLike, PatternFilePathMatcher


@dataclass
class Page:
    title: str
    words: int


class Put(NamedTuple):
    key: str
    page: Page | None


SHELF: coco.ContextKey[dict[str, Page]] = coco.ContextKey("typed/shelf")


def put(context: coco.ContextProvider, actions: list[Put]) -> None:
    shelf = context.get(SHELF)
    for action in actions:
        if action.page is None:
            shelf.pop(action.key, None)
        else:
            shelf[action.key] = action.page


async def put_later(context: coco.ContextProvider, actions: Sequence[Put]) -> None:
    put(context, list(actions))


def rows_of(context: coco.ContextProvider, action: Put) -> "Shelves":
    return Shelves()


class Shelves(coco.TargetHandler[Page, int]):
    sink: coco.TargetActionSink[Put] = coco.TargetActionSink.from_fn(put)
    async_sink: coco.TargetActionSink[Put] = coco.TargetActionSink.from_async_fn(put_later, child_handler=rows_of)

    def reconcile(
        self,
        key: coco.StableKey,
        desired: Page | coco.NonExistenceType,
        prev: Collection[int],
        prev_may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[Put, int] | None:
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput(Put(str(key), None), self.sink, coco.NON_EXISTENCE)
        sink = self.sink if desired.words % 2 else self.async_sink
        return coco.TargetReconcileOutput(Put(str(key), desired), sink, desired.words)


PAGES: coco.TargetStateProvider[Page] = coco.register_root_target_states_provider("typed/pages", Shelves())


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    builder.provide(SHELF, {})
    yield


@coco.fn(memo=True)
async def page_of(file: FileLike) -> Page:
    text = await file.read_text()
    return Page(text.partition("\n")[0], len(text.split()))


@coco.fn.as_async(batching=True, max_batch_size=8)
def lengths(texts: list[str]) -> list[int]:
    return [len(text) for text in texts]


@coco.fn.as_async
def heading(page: Page) -> str:
    return f"# {page.title}"


@coco.fn(memo=True, memo_key={"verbose": None}, version=2)
def shout(text: str, *, verbose: bool = False) -> str:
    return text.upper()


@coco.fn
async def show(file: FileLike, output: localfs.DirTarget) -> None:
    page = await page_of(file)
    assert_type(page, Page)
    assert_type(shout(page.title, verbose=True), str)
    assert_type(await lengths(page.title), int)
    assert_type(await heading(page), str)
    name = file.file_path.path.with_suffix(".txt").name
    output.declare_file(name, shout(page.title))
    coco.declare_target_state(PAGES.target_state(name, page))


@coco.fn
async def main(source: pathlib.Path, output: pathlib.Path) -> int:
    runs = coco.use_state("runs", 0, type_hint=int)
    runs.value += 1
    target = await localfs.mount_dir_target(output)
    files = localfs.walk_dir(source, path_matcher=PatternFilePathMatcher(included_patterns=["*.md"]))
    handle = await coco.mount_each(show, files.items(), target)
    await handle.ready()
    with coco.component_subpath("lengths"):
        await coco.mount(coco.component_subpath("other"), count, ["a", "bb"])
    return len(coco.use_context(SHELF))


async def count(texts: list[str]) -> list[str]:
    async def one(text: str) -> str:
        return shout(text)

    return await coco.map(one, texts)


app = coco.App("typed", main, source=pathlib.Path("pages"), output=pathlib.Path("out"))


def update() -> int:
    pages = app.update_blocking(full_reprocess=True)
    assert_type(pages, int)
    return pages


if __name__ == "__main__":
    print(update())
