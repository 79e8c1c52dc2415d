"""The CPU time, scrape time and memory of the exporter, compared with other libraries on the same bytes.

`python -m benchmarks` prints all figures. Absolute figures depend on the machine and its load, so the
contenders take turns: compare the ratios.
"""
