"""What every test may use."""

import os

from hypothesis import settings

pytest_plugins = ["pytester"]

# The same examples in every run, so that a red build means a change; `HYPOTHESIS_PROFILE=fresh pytest` draws new ones.
settings.register_profile("stable", derandomize=True, deadline=None)
settings.register_profile("fresh", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stable"))
