# Postern in a container: built as a wheel, run as an ordinary user on a read-only root.
#
#   docker build -t postern .
#   docker run --read-only --tmpfs /tmp -v postern-data:/var/lib/postern -v ./deploy:/etc/postern:ro \
#       -p 2525:2525 postern
#
# It writes to /var/lib/postern (registry, audit, secrets) and to /tmp (bodies too large for memory, unlinked at once).

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Dependencies before the sources, so that a change of the sources does not fetch them again.
COPY requirements.lock requirements-build.lock ./
RUN pip install --require-hashes -r requirements-build.lock \
 && python -m venv /opt/postern \
 && /opt/postern/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config config
COPY consent consent
COPY filters filters
COPY gateway gateway
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/postern/bin/pip install --no-deps --no-index /wheels/postern-*.whl \
 && /opt/postern/bin/pip check

FROM python:3.13-slim-bookworm
RUN groupadd --system --gid 10001 postern \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/postern postern \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/postern
COPY --from=build /opt/postern /opt/postern
ENV PATH=/opt/postern/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /var/lib/postern
VOLUME /var/lib/postern
EXPOSE 2525 8025
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8025/healthz', timeout=4)"]
ENTRYPOINT ["postern"]
CMD ["serve", "--config", "/etc/postern/postern.toml"]
