"""Three Grafana dashboards, written as code and committed as JSON.

What may live here: PromQL and Grafana's words, and of the daemon only the names it declares. `promql` writes
queries from the families in `exporter.metrics.families`, `queries` holds the questions asked more than once,
`looks` gives words and limits their colours, `panels` knows the few kinds of panel used, `frame` puts
variables, links, annotations and panels together, `fleet`, `gateway` and `probes` compose one dashboard each,
and `build` writes the JSON beside this file.
"""
