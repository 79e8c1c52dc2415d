"""The metric families and how samples of them are written, below everything else.

What may live here: the one declaration of every family (`families`), the text formats (`exposition`), and
samples about the exporter's own process (`process`). Dashboards, rules, documentation and collectors are
made from it. No other package of the exporter is imported.
"""
