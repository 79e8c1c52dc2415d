"""What FreeSWITCH's words mean: text or an event in, a typed value out.

What may live here: pure functions and frozen dataclasses for gateway and switch status, channels and call
legs, hang-up causes, SIP and provider codes, dial strings, and the replies that mean no (`reply`). No
sockets, no clocks, no state; of the other rooms only `esl` types are imported.

Everything read here was written by somebody else, some of it by strangers. The parsers therefore raise
nothing but `ReplyError`, give back only values of bounded size, and take the layout FreeSWITCH writes
strictly: what does not look as FreeSWITCH writes it is refused, never guessed at.
"""
