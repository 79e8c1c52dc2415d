"""One FreeSWITCH under watch: connect, sync, follow, lost, again; and what is known of it as metrics.

What may live here: the life cycle of a node (`node`), its gateways with their time accounting (`gateway`)
and verdict (`verdict`), the calls of live calls (`calls`), the families (`metrics`) and how a page of
them is written (`exposition`). It stands on `switch` and `esl`, and knows nothing of probes or the web.
"""
