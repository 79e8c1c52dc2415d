"""What was: outages, changes, the calls that failed, availability by the hour.

- `model`: the values that are kept.
- `outage`: when an outage begins and ends, for one gateway or one switch.
- `node_history`: one node's past as it happens: it observes a node (`exporter.watch.observer`).
- `kept_calls`: which ended calls are kept, and what of them; `masking`: what of their numbers.
- `schema`, `store`: the sqlite file in `state_dir`, or memory for 24 hours.
- `history`: all of it, for the daemon.
- `collector`: its samples.
- `availability`, `bar`, `csv_text`, `ticket`, `times`: how it is shown.
- `command`: `freeswitch-exporter history` and `freeswitch-exporter calls`.

It imports `watch`, `switch`, `config` and `metrics`, and nothing below it knows that it exists.
"""
