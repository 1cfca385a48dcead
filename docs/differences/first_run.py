"""A feed has a backlog when the app starts for the first time: is it still processed once the app is ready?

python first_run.py cocoindex|cocoindex_sim
"""

import importlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
target: dict[str, str] = {}


def apply(context, actions):
    for key, value in actions:
        if value is None:
            del target[key]
        else:
            target[key] = value


class Handler:
    def reconcile(self, key, desired, previous, may_be_missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, None), sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, desired), sink, desired)


sink = coco.TargetActionSink.from_fn(apply)
provider = coco.register_root_target_states_provider("example/target", Handler())


class Backlog:
    async def watch(self, subscriber):
        handle = await subscriber.update("message", "processed")
        await handle.ready()
        await subscriber.mark_ready()


async def process(text):
    coco.declare_target_state(provider.target_state("message", text))


async def main():
    await coco.mount_each(process, Backlog())


with tempfile.TemporaryDirectory() as directory:
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"))
    coco.App(coco.AppConfig("app", environment), main).update_blocking(live=True)
    print("message:", target.get("message", "deleted"))
