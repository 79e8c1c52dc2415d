"""One FreeSWITCH under watch: connect, sync, follow its events, poll, lose it, connect again.

- `node` owns the connections and wires the parts; `lifecycle` is the table of its states.
- `connections` runs commands on FreeSWITCH; `commands` is the table of their lanes and deadlines. `poller`
  decides what is asked when on the vital lane, and `database` what is asked of the database, on an
  `optional_lane`, whose `optional_answers` may be late.
- `log_lane` reads FreeSWITCH's log on a connection of its own into `log_lines`, and `log_changes` tells what
  of it belongs into the history.
- `dispatcher` hands each event to its handler; `subscriptions` says which events are wanted.
- `knowledge` holds what is known: gateways (`gateway`, `gateway_table`, `verdict`), calls (`calls`,
  `call_stats`), the switch (`switch`), ticks (`tick`), lag (`lag`).
- `observer` is told what happens as it happens. `changes` counts and tells what was changed in FreeSWITCH, as
  noticed by `event_changes`, `listed_changes`, `value_changes` and `clock_changes`.
- `collector` writes all of it as samples, and nothing else here knows a metric family.

It imports `switch`, `esl`, `config` and `metrics`, and knows nothing of probes or the web.
"""
