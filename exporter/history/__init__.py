"""What was: outages, changes, the calls that failed, availability by the hour.

- `model`: the values that are kept.
- `outage`: when an outage begins and ends, for one gateway or one switch.
- `gateway_history`: one gateway's past as it happens: its outages, and its counters by the hour.
- `node_history`: one node's past: it observes a node (`exporter.watch.observer`).
- `recent_changes`: the changes before an outage; `change_words`: what each change is called.
- `kept_calls`: which ended calls are kept, and what of them; `masking`: what of their numbers.
- `store`: the sqlite file in `state_dir`, or memory for 24 hours; for all others. Behind it: `entries` (what
  waits to be written), `writing`, `questions`, `pruning`, `database` (the file as it is), `schema`.
- `history`: all of it, for the daemon.
- `collector`: its samples.
- `answers`, `availability`: the JSON of what is answered; `csv_text`, `ticket`: as CSV, and for a provider.
- `times`, `bar`, `flaps`, `terminal`: how people read and write it.
- `command`: `freeswitch-exporter history` and `freeswitch-exporter calls`.

It imports `watch`, `switch`, `config` and `metrics`, and nothing below it knows that it exists.
"""
