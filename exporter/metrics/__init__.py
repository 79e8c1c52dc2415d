"""The metric families and how samples of them are written.

What belongs here: the declaration of every family (`families`), the two text formats (`exposition`) and the
samples about the exporter's own process (`process`). Dashboards, rules, documentation and collectors are made
from them. Of the exporter this package imports the version and the clock, nothing else.
"""
