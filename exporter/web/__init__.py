"""The HTTP side: routes, authentication and pages. No logic of its own.

`app` has the table of routes, each with its protection. `auth`, `basic_auth` and `csrf` decide whether a
request may use a route. `scrape`, `health`, `reload`, `page`, `diagnosis` and `probe` answer requests;
`negotiation` reads what a client of metrics accepts, and `answers` has what all answers share. `server`,
`sockets`, `accepting`, `clients`, `tls` and `connection` listen and serve. `turns` and `fair` share scarce
work among clients, `shared` does the same work once for many. `context` is what all of them need of the
daemon.
"""
