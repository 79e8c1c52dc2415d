# The exporter as an image: the first stage builds a virtual environment, the second adds it to a bare Python.
#
#   docker build --tag freeswitch-exporter .
#   docker run --rm --read-only --publish 127.0.0.1:9282:9282 freeswitch-exporter demo
#
# BASE is any image with Python 3.11 or later as `python3`, its venv module, and access to a package registry. Both
# stages must use the same BASE, because the environment refers to its interpreter. Nothing is compiled: a dependency
# without a wheel for the platform fails the build.

ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build

RUN python3 -m venv /opt/freeswitch-exporter
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/freeswitch-exporter/bin/pip install --no-cache-dir --only-binary :all: . \
    && /opt/freeswitch-exporter/bin/pip uninstall --yes pip setuptools


FROM ${BASE}

LABEL org.opencontainers.image.title="freeswitch-exporter" \
      org.opencontainers.image.description="Watches FreeSWITCH over its event socket: Prometheus metrics, synthetic echo calls, a diagnosis" \
      org.opencontainers.image.source="https://github.com/freeswitch-exporter/freeswitch-exporter" \
      org.opencontainers.image.documentation="https://github.com/freeswitch-exporter/freeswitch-exporter/blob/main/docs/install.md" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/freeswitch-exporter /opt/freeswitch-exporter

# A numeric user, so that Kubernetes can see that it is not root. It owns only the state folder.
RUN install --directory --owner=65532 --group=65532 --mode=0700 /var/lib/freeswitch-exporter
VOLUME /var/lib/freeswitch-exporter
USER 65532:65532

# The exporter writes only to the state folder: the root file system can be read-only, without /tmp.
ENV PATH=/opt/freeswitch-exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    EXPORTER_LISTEN=:9282 \
    EXPORTER_STATE_DIR=/var/lib/freeswitch-exporter
WORKDIR /
EXPOSE 9282

# Plain HTTP to the port of EXPORTER_LISTEN. If the config file sets TLS or another address, replace this health check
# or disable it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python3", "-c", "import http.client, os; port = os.environ['EXPORTER_LISTEN'].rpartition(':')[2]; to = http.client.HTTPConnection('127.0.0.1', int(port), timeout=3); to.request('GET', '/-/healthy'); raise SystemExit(to.getresponse().status != 200)"]

STOPSIGNAL SIGTERM
ENTRYPOINT ["freeswitch-exporter"]
CMD ["serve"]
