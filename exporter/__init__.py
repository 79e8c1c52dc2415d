"""Watch FreeSWITCH over its event socket: metrics for Prometheus, synthetic echo calls, a diagnosis.

Data goes one way, imports go the other: `web` -> `diagnosis` -> `probe` -> `watch` -> `switch` -> `esl`. A
test holds the import graph to that. `runtime` owns what a daemon runs and changes it by the plans of
`reload_plan`. `cli` has the commands.
"""

__version__ = "0.2.0"
