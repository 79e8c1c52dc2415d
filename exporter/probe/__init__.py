"""Synthetic calls: is the trunk carrying voice right now?

What may live here: who may be called (`guard`, `numbers`, `request`), what to say to FreeSWITCH
(`dialstring`, the one builder of originate lines), one call from originate to hang-up (`call`, `life`), what
it came to (`facts`, `media`, `verdict`, `record`), what is remembered and how much may be spent (`store`),
many askers and few calls (`runner`), the clockwork (`schedule`), leftovers of earlier lives (`sweep`), and
how it is shown (`source`, `command`).

A call costs money and rings somebody's telephone. So: nothing is callable unless the configuration lists it;
the money is set aside before the call is placed; and every call carries its own end inside FreeSWITCH,
whatever becomes of us.
"""
