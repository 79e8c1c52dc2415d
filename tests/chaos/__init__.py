"""Random faults between the daemon and FreeSWITCH: a proxy, schedules by seed, and what must hold afterwards.

- `python -m tests.chaos --seconds 600`: schedules with new seeds for ten minutes
- `python -m tests.chaos --seed 4711`: that one again
- `python -m tests.chaos --seconds 600 --real`: in real time
"""
