"""What takes long: a week in virtual time, and millions of events over real sockets.

- `python -m tests.soak`: both
- `python -m tests.soak week`: 7 days in virtual time
- `python -m tests.soak events`: 5 million events
"""
