"""The doctor: an operator's checklist walked by the program, and one conclusion from it.

What may live here: the `Snapshot` of what was seen (`snapshot`), the checks as pure functions from it to
`Finding`s (`checks` has the one table, in the order in which causes lead to consequences), what to do about
each fault (`remedies`), which finding is the cause and which are consequences (`conclusion`), and the I/O
that takes the snapshot: `portrait` from a watched node, `recent`, `names`, `backend` and `logtail` for what a
node does not know. `examination` does it once for the command `doctor` (`command`, `terminal`), `rounds` over
and over for the daemon's page and API. `report` is the form in which others read it.

Read-only towards FreeSWITCH, with one exception that `examination` explains.
"""
