"""Three Grafana dashboards, written as code and committed as JSON.

This package contains PromQL and Grafana's terms, and imports only `exporter.metrics`. `promql` writes queries
from the families, `queries` has the expressions that several panels share, `looks` assigns colours to states
and limits, `panels` has the kinds of panel, `frame` adds variables, links and annotations, `fleet`, `gateway`
and `probes` compose one dashboard each, and `build` writes the JSON into this folder.
"""
