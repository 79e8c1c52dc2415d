"""The HTTP side: routes, authentication and pages. No logic of its own.

`app` has the table of routes, each with its protection. `auth`, `basic_auth` and `csrf` decide whether a
request may use a route. `scrape`, `health`, `reload`, `page`, `diagnosis` and `probe` answer requests, and
`answers` has what all answers share. `server`, `sockets`, `tls` and `connection` listen and serve. `context`
is what all of them need of the daemon.
"""
