"""What every test may use."""

import importlib.util
import os
import signal

pytest_plugins = ["pytester"]

# A shell's job in the background ignores it, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if importlib.util.find_spec("hypothesis") is not None:  # scenarios are run without the tests' packages, too
    from hypothesis import settings

    # The same examples in every run, so that red means a change; `HYPOTHESIS_PROFILE=fresh pytest` draws new ones.
    settings.register_profile("stable", derandomize=True, deadline=None)
    settings.register_profile("fresh", deadline=None)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stable"))
