"""Three Grafana dashboards, written as code and committed as JSON.

This package contains PromQL and Grafana's terms, and imports only `exporter.metrics`. `promql` writes queries
from the families, `queries` has the expressions that several panels share, `looks` assigns colours to states
and limits, `panels` and `tables` have the kinds of panel, `frame` adds variables, links and annotations,
`fleet`, `gateway` and `probes` compose one dashboard each (`fleet_*` and `gateway_*` are rows of it), and
`build` writes the JSON into this folder.
"""
