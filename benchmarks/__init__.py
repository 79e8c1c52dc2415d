"""What the exporter costs, beside others that read the same bytes.

`python -m benchmarks` prints it all. Absolute figures depend on the machine and on what else it does, so the
contenders take turns and the ratios are what counts.
"""
