"""A stand-in FreeSWITCH that speaks real Event Socket on a real loopback socket.

For `freeswitch-exporter demo` and for tests. It says and does what FreeSWITCH 1.11.2 does, as far as an
exporter can see it, and the ways in which it can fail. The tests hold its frames to the recordings in
tests/captures. It imports nothing of the exporter but the clock.

A test uses it like this:

    async with SimulatedSwitch(tick=0.05) as switch:          # a gateway "second" lasts 50 ms
        await switch.gateway_reaches("telnyx", "REGED")
        ... connect to ("127.0.0.1", switch.port), password "ClueCon" ...
        switch.provider("telnyx").rejects(403, "Forbidden")   # faults of the provider: providers.py
        switch.gateway("telnyx").ask_register()               # sofia profile external register telnyx
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        switch.hang()                                         # faults of the switch: simulated_switch.py
        switch.recover()
        await switch.restart()                                # new Core-UUID, all counters at zero
        leg = switch.calls.outbound("telnyx", "+15550000099", FarEnd(ring=0.1, answer=0.3),
                                     caller="+19495431333", seconds=2)
        await leg.hung_up.wait()

Numbers +15550000001 to 14, 21 to 24 and 31 to 36 answer as farends.py says; `switch.far_ends[number]` may be
changed. `tick` compresses gateway time, `speed` the time inside calls: at `speed=10` a call that lasts five
seconds is over in half a second, and all stamps in *its own* events say five seconds (channel.py). At speed
1, the default, every stamp is the clock's. `clock=` takes the clock of a test in virtual time.

From another process: `python -m exporter.simulator --tick 0.05` prints its ports, `--help` what its control
port takes. `demo.py` is the switch of `freeswitch-exporter demo`, `traffic.py` its background calls.

The files, from the bottom up; none imports one that is further down in this list:

    clock causes media sip farends users providers                  values and tables
    events subscription faults timeline gateways originate          one thing each
    core modules gateway_ticks profiles                             events on their way, mod_sofia
    channel channel_headers variables report leg                    a leg and its headers
    outgoing incoming ending bridge apps                            the steps of a leg
    sessions telephones strangers switch                            the state of one FreeSWITCH
    show sofia_replies replies                                      replies to api commands
    arrivals dialling calls api                                     what takes time
    framing client server simulated_switch                          the wire, and the faults
    traffic demo control                                            what drives a switch

Not simulated, and refused: xml events, dial strings of several legs, `sofia jsonstatus`. Left out:
ADD_SCHEDULE and DEL_SCHEDULE of sched_hangup, CODEC while detect_audio listens, what a telephone's
authentication adds to its leg. Log lines are not recorded; they are written from FreeSWITCH's source alone.
"""

from exporter.simulator.farends import FAR_ENDS, FarEnd, refuses
from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.media import Path
from exporter.simulator.providers import Answer, Provider
from exporter.simulator.simulated_switch import SimulatedSwitch
from exporter.simulator.sip import G722, OPUS, PCMA, PCMU, Codec
from exporter.simulator.users import User

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
