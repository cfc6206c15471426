#!/bin/sh
# Starts postgres-mcp with the password from the file that PGPASSWORD_FILE names, so that it stands in no
# DATABASE_URI, where it would need percent-encoding and be shown by "docker inspect".
set -eu
if [ -n "${PGPASSWORD_FILE:-}" ]; then
  PGPASSWORD=$(cat "$PGPASSWORD_FILE")
  export PGPASSWORD
fi
exec /opt/postgres-mcp/bin/postgres-mcp "$@"
