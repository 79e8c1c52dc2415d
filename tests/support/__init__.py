"""What tests share: programs, daemons as processes, Prometheus and Alertmanager, parsers."""
