"""Watch FreeSWITCH over its event socket: metrics for Prometheus, synthetic echo calls, a diagnosis.

Data goes one way, imports go the other: `web`, `probe`, `diagnosis` -> `watch` -> `switch` -> `esl`.
Nothing below knows what is above it. `config`, `daemon` and `cli` tie the rooms together.
"""

__version__ = "0.1.0"
