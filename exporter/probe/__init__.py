"""Synthetic calls: is the trunk carrying voice right now?

What may live here, from the request to the answer: who may be called (`request`, `guard`, `refusal`), what is
said to FreeSWITCH (`limits`, `callid`, `dialstring`: the one builder of originate lines), one call from
originate to hang-up (`call`, `life`), what it came to (`facts`, `media`, `verdict`, `record`), what is
remembered and how much may be spent (`store`), many askers and few calls (`runner`), the clockwork
(`schedule`), leftovers of earlier lives (`sweep`), and how it is shown (`source`, `samples`, `command`).
`probes` holds it all together for the daemon; `switchboard` is what it needs of a node.

A call costs money and rings somebody's telephone. So: nothing is callable unless the configuration lists it;
the money is set aside before the call is placed; and every call carries its own end inside FreeSWITCH,
whatever becomes of us.
"""
