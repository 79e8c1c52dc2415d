"""What FreeSWITCH's words mean: text or an event in, a typed value out.

This package holds pure functions and frozen values: gateways, the switch's status, profiles, channels and
legs, hang-up causes, SIP and provider codes, refusals of commands (`reply`), and the events the exporter
reads (`events`). No sockets, no clocks, no state, no metric names. It imports `exporter.esl` only, and
nothing above it reads an event's header or a reply's text.

All input was written by others, some of it by strangers. The parsers therefore raise nothing but
`ReplyError`, return only values of bounded size, and accept only the layout that FreeSWITCH writes: anything
else is refused, never guessed at.
"""
