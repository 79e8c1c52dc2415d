"""Synthetic calls: does the trunk carry voice right now?

From the request to the answer, a call is four values: `CallRequest` (what is asked for), `CallPlan` (what is
placed), `Observation` (what FreeSWITCH reports), `CallRecord` (what is kept and shown).

- `admission`: from the request to the plan, or a refusal: which call is meant, who may be called.
- `originate`: what is sent to FreeSWITCH: the UUID, the time limits, the one builder of originate lines.
- `call`: places one call and follows it to its end.
- `observation`: what is known of a call: states, phases, the tone.
- `verdict`: the table that judges it.
- `record`: the record.
- `store`: budget and history.
- `runner`: many requests, few calls.
- `schedule`: when probes run by themselves.
- `sweep`: ends calls that an earlier process left.
- `collector`: what is shown on /metrics and by `GET /probe`.
- `probes`: all of it, for the daemon. `command`: `freeswitch-exporter probe`.

A call costs money and rings somebody's telephone. So nothing is callable unless the configuration lists it;
the money is set aside before the call is placed; and every call carries its own end inside FreeSWITCH,
whatever happens to the exporter.
"""
