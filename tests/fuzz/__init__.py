"""Any bytes into all that reads what others wrote: protocol, events, replies, config, HTTP requests.

- `python -m tests.fuzz --seconds 300`: every target in turn, guided by coverage
- `python -m tests.fuzz event --seconds 60`: one of them
- `python -m tests.fuzz event FILE`: one input

What is found is kept in tests/fuzz/findings/TARGET and replayed by every `make test`.
"""
