"""The diagnosis: the checks of an operator's checklist, and one conclusion from them.

Data flow: `snapshot` (what was seen of a node) -> `check_*` (pure functions from it to `finding`s, one file
per subject, each with the I/O that only its check needs) -> `conclusion` (the table of the checks, which
finding is the cause and which are consequences) -> `report` (JSON), `terminal`, the page. `remedies` has what
to do about each fault.

`doctor` takes the snapshot for the command (`command`), `service` for the daemon. Both only read from
FreeSWITCH, with one exception that `doctor` explains.
"""
