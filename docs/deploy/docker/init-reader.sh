#!/bin/sh
# Run once by PostgreSQL's image when the database is new: a role for postgres-mcp that can read and nothing else.
set -eu
# A line with a quote in it is still one value: psql quotes it (:'password').
psql -v ON_ERROR_STOP=1 -X -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -v database="$POSTGRES_DB" -v password="$(cat "$READER_PASSWORD_FILE")" <<'SQL'
CREATE ROLE mcp_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 20;
-- The wall: grants. The read-only default is a second one, which a session could take down by itself.
ALTER ROLE mcp_reader SET default_transaction_read_only = on;
ALTER ROLE mcp_reader SET statement_timeout = '60s';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO mcp_reader;
-- Every table there is and will be, in every schema.
GRANT pg_read_all_data TO mcp_reader;
SQL
