"""`python -m benchmarks`: compare two packages."""

import sys

from .compare import main

sys.exit(main())
