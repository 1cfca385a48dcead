"""What every test may use."""

import importlib.util
import os

pytest_plugins = ["pytester"]

if importlib.util.find_spec("hypothesis") is not None:  # scenarios are run without the tests' packages, too
    from hypothesis import settings

    # The same examples in every run, so that red means a change; `HYPOTHESIS_PROFILE=fresh pytest` draws new ones.
    settings.register_profile("stable", derandomize=True, deadline=None)
    settings.register_profile("fresh", deadline=None)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stable"))
