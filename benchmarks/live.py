"""How soon a written file has its output while an app watches for real; then a burst of 2,000 new files.

python -m benchmarks.live PACKAGE WRITES
"""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from ._measure import arguments, package_under_test, report, working_directory

AT_FIRST = 200
BURST = 2_000

package, (writes,) = arguments("PACKAGE WRITES")
coco = package_under_test(package)
localfs = package_under_test(f"{package}.connectors.localfs")


@coco.fn(memo=True)
async def convert(file: Any, target: Any) -> None:
    text = (await file.read_text()).upper()
    target.declare_file(filename=f"{file.file_path.path.name}.txt", content=text)


@coco.fn
async def main(source: Path, output: Path) -> None:
    target = await localfs.mount_dir_target(output)
    await coco.mount_each(convert, localfs.walk_dir(source, recursive=True, live=True).items(), target)


async def there(directory: Path, count: int, update: asyncio.Future[Any]) -> None:
    """Wait for that many files. An update that ends instead raises its error here."""
    async with asyncio.timeout(60):
        while sum(1 for _ in os.scandir(directory)) < count:
            if update.done():
                raise RuntimeError(f"the live update ended: {update.result()!r}")
            await asyncio.sleep(0.01)


async def measure() -> None:
    with working_directory() as root:
        source, output = root / "source", root / "output"
        source.mkdir()
        output.mkdir()
        for number in range(AT_FIRST):
            (source / f"f{number}.md").write_text(str(number))
        settings = coco.Settings(db_path=root / "state")
        environment = coco.Environment(settings, event_loop=asyncio.get_running_loop())
        app = coco.App(coco.AppConfig("live", environment), main, source, output)
        update = asyncio.ensure_future(app.update(live=True).result())
        await there(output, AT_FIRST, update)
        await asyncio.sleep(1)  # until the watch is armed; not every package says when that is

        latencies = []
        for number in range(writes):
            start = time.perf_counter()
            (source / f"n{number}.md").write_text("x")
            async with asyncio.timeout(10):
                while not (output / f"n{number}.md.txt").exists():  # noqa: ASYNC110  # it is another's file to write
                    await asyncio.sleep(0.002)
            latencies.append(time.perf_counter() - start)
            await asyncio.sleep(0.05)

        start = time.perf_counter()
        for number in range(BURST):
            (source / f"b{number}.md").write_text("y")
        await there(output, AT_FIRST + writes + BURST, update)
        burst_s = time.perf_counter() - start

        latencies.sort()
        report(
            {
                "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 1),
                "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 1),
                "burst_s": round(burst_s, 2),
            }
        )
    os._exit(0)  # a live app goes on, and not every package can be told to end it


asyncio.run(measure())
