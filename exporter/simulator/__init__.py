"""A stand-in FreeSWITCH that speaks real Event Socket on a real loopback socket.

For `freeswitch-exporter demo` and for the tests of every room. What may live here: what FreeSWITCH 1.11.2
says and does as far as an exporter can see it, and the ways in which it can fail. Nothing here imports the
other rooms. The tests hold its frames to the recordings in tests/captures.

A test uses it like this:

    async with SimulatedSwitch(tick=0.05) as switch:          # a gateway "second" lasts 50 ms
        await switch.gateway_reaches("telnyx", "REGED")
        ... connect to ("127.0.0.1", switch.port), password "ClueCon" ...
        switch.provider("telnyx").rejects(403, "Forbidden")   # the provider's doing: gateways.Provider
        switch.gateway("telnyx").ask_register()               # sofia profile external register telnyx
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        switch.hang()                                         # the switch's own faults: faults.py
        switch.recover()
        await switch.restart()                                # new Core-UUID, everything from zero
        leg = switch.calls.outbound("telnyx", "+15550000099", FarEnd(ring=0.1, answer=0.3),
                                     caller="+19495431333", seconds=2)
        await leg.hung_up.wait()

Numbers +15550000001 to 14, 21 to 24 and 31 to 36 answer as farends.py says; `switch.far_ends[number]` may be
changed. `tick` compresses gateway time, `speed` the time inside calls: at `speed=10` a call that lasts five
seconds is over in half a second, and all stamps in *its own* events say five seconds (leg.py has the rule).
At speed 1, the default, every stamp is the wall clock's.

From another process: `python -m exporter.simulator --tick 0.05` prints its ports; control.py lists the
strings to pull. `demo.py` is the scene of `freeswitch-exporter demo`, `traffic.py` its background calls.

Not played, and refused rather than faked: xml events, dial strings of several legs, `sofia jsonstatus`.
Left out: ADD_SCHEDULE and DEL_SCHEDULE of sched_hangup, CODEC while detect_audio listens, what a telephone's
authentication adds to its leg. Not recorded, so written from FreeSWITCH's source alone: log lines.
"""

from exporter.simulator.farends import FAR_ENDS, FarEnd, refuses
from exporter.simulator.faults import SimulatedSwitch
from exporter.simulator.gateways import Answer, Gateway, GatewayConfig, Provider
from exporter.simulator.leg import Leg
from exporter.simulator.media import Path
from exporter.simulator.server import User
from exporter.simulator.variables import G722, OPUS, PCMA, PCMU, Codec

__all__ = [
    "FAR_ENDS",
    "G722",
    "OPUS",
    "PCMA",
    "PCMU",
    "Answer",
    "Codec",
    "FarEnd",
    "Gateway",
    "GatewayConfig",
    "Leg",
    "Path",
    "Provider",
    "SimulatedSwitch",
    "User",
    "refuses",
]
