"""The HTTP side: who may ask what, and how answers look. No logic of its own beyond that.

`app` has the one table of routes with what guards each; `server` listens, with TLS or without. The rest is
one subject per file: `protection`, `passwords` and `origin` decide who gets in, `answers` how refusals and
pages leave, `scrape`, `health`, `page` and `diagnosis` answer, `connection`, `listening` and `tls` hold the
wire.
`context` is what all of it needs of the daemon.
"""
