"""`python -m exporter` is `freeswitch-exporter`."""

import sys

from exporter.cli import main

sys.exit(main())
