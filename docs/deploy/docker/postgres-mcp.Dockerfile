# postgres-mcp 0.3.0 as it can be installed today. Its own requirements no longer can: they pin a pglast that PyPI does
# not serve, and let mcp float to a version it does not run on. The context is this folder:
#
#   docker build -f postgres-mcp.Dockerfile -t postgres-mcp:local .

FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv uv && uv/bin/pip install --no-cache-dir uv==0.13.8
COPY postgres-mcp.overrides.txt ./
# pip cannot override what a package requires; uv can.
RUN python -m venv --without-pip /opt/postgres-mcp && \
    uv/bin/uv pip install --no-cache --python /opt/postgres-mcp/bin/python \
      --override postgres-mcp.overrides.txt postgres-mcp==0.3.0

FROM python:3.12-slim
LABEL org.opencontainers.image.title="postgres-mcp" \
      org.opencontainers.image.description="postgres-mcp 0.3.0 with mcp 1.25.0"
COPY --from=build /opt/postgres-mcp /opt/postgres-mcp
COPY start-postgres-mcp.sh /opt/
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
EXPOSE 8000
STOPSIGNAL SIGTERM
# There is no health route: that the port takes a connection is all that can be asked without opening a session.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 3)"]
ENTRYPOINT ["sh", "/opt/start-postgres-mcp.sh"]
CMD ["--access-mode=restricted", "--transport=sse", "--sse-host=0.0.0.0", "--sse-port=8000"]
