"""Many trivial memoized components, each declaring one target state in memory.

python -m benchmarks.components PACKAGE COUNT
"""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

from ._measure import (
    Figures,
    Journal,
    arguments,
    commits,
    package_under_test,
    report,
    rss_mb,
    size_mb,
    timed,
    working_directory,
)

package, (count,) = arguments("PACKAGE COUNT")
coco = package_under_test(package)
journal = Journal(coco)
provider = coco.register_root_target_states_provider("benchmarks/components", journal)
items = {f"k{number:07d}": f"v{number}" for number in range(count)}
one_percent = [f"k{number:07d}" for number in range(0, count, 100)]


@coco.fn(memo=True)
async def declare(value: str, key: str) -> None:
    coco.declare_target_state(provider.target_state(key, value))


@coco.fn
async def main() -> None:
    for key, value in items.items():
        await coco.mount(coco.component_subpath(key), declare, value, key)


def update(name: str) -> None:
    """One update, and how many transactions it took."""
    before = commits(state) if figures else 0
    with timed(figures, name):
        app.update_blocking()
    figures[f"{name}_commits"] = commits(state) - before


figures: Figures = {}
with working_directory() as directory:
    state = directory / "state"
    environment = coco.Environment(coco.Settings(db_path=state))
    app = coco.App(coco.AppConfig("components", environment), main)
    update("cold")
    assert len(journal.content) == count
    update("nochange")
    items |= dict.fromkeys(one_percent, "changed")
    update("edit1pct")
    assert journal.content == items
    for key in one_percent:
        del items[key]
    update("del1pct")
    assert journal.content == items
    figures |= {
        "cold_us_each": round(figures["cold"] / count * 1e6, 1),
        "nochange_us_each": round(figures["nochange"] / count * 1e6, 1),
        "rss_mb": rss_mb(),
        "state_mb": size_mb(state),
    }
report(figures)
