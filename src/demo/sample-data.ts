/** The role that queries run as: it may read the sample tables, and is not the superuser that PGlite starts as. */
export const READER_ROLE = 'kwild';

/** Latest value of each stream: five rows, among them one that a JavaScript number cannot hold. */
export const SAMPLE_QUERY =
  'SELECT DISTINCT ON (s.name) s.name, to_timestamp(e.event_time)::date AS day, e.value ' +
  'FROM main.streams s JOIN main.primitive_events e ON e.stream_ref = s.id ORDER BY s.name, e.event_time DESC';

/**
 * Five streams of 60 daily values and a composed one without any; the same on every start, so that printed answers can be
 * compared. One `INSERT … SELECT`, because 300 separate ones would show in the start.
 */
export const SETUP_SQL = `
CREATE ROLE ${READER_ROLE};
CREATE SCHEMA main;

CREATE TABLE main.streams (
  id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE,
  stream_type text NOT NULL CHECK (stream_type IN ('primitive', 'composed')),
  unit        text NOT NULL
);
CREATE TABLE main.primitive_events (
  stream_ref int NOT NULL REFERENCES main.streams (id),
  event_time bigint NOT NULL,
  value      numeric(36,18) NOT NULL,
  PRIMARY KEY (stream_ref, event_time)
);
CREATE INDEX primitive_events_time ON main.primitive_events (event_time);
CREATE TABLE main.taxonomies (
  parent_ref int NOT NULL REFERENCES main.streams (id),
  child_ref  int NOT NULL REFERENCES main.streams (id),
  weight     numeric(36,18) NOT NULL CHECK (weight > 0),
  PRIMARY KEY (parent_ref, child_ref)
);
CREATE VIEW main.latest_events AS
  SELECT DISTINCT ON (stream_ref) stream_ref, event_time, value
  FROM main.primitive_events ORDER BY stream_ref, event_time DESC;
COMMENT ON COLUMN main.primitive_events.event_time IS 'seconds since 1970-01-01 UTC';

INSERT INTO main.streams (name, stream_type, unit) VALUES
  ('us_cpi_yoy',       'primitive', 'percent'),
  ('btc_usd',          'primitive', 'US dollars'),
  ('gas_price_gwei',   'primitive', 'gwei'),
  ('fed_funds_rate',   'primitive', 'percent'),
  ('eth_staked_gwei',  'primitive', 'gwei'),
  ('economy_index',    'composed',  'index');
INSERT INTO main.primitive_events (stream_ref, event_time, value)
  SELECT s.id, extract(epoch FROM timestamp '2026-01-01')::bigint + 86400 * d,
    CASE s.name
      WHEN 'us_cpi_yoy'     THEN 2.9 - d * 0.0034 + (d * 7 % 11) * 0.000123456789012345
      WHEN 'btc_usd'        THEN 91250.5 + (d * 37 % 23) * 118.123456789012345678 + d * 42
      WHEN 'gas_price_gwei' THEN 1.75 + (d * 13 % 17) * 0.043210987654321098
      WHEN 'fed_funds_rate' THEN CASE WHEN d < 28 THEN 3.75 ELSE 3.5 END
      ELSE 12345678901234567.123456789012345678 - (59 - d) * 320000000000.000000001
    END
  FROM main.streams s, generate_series(0, 59) AS d WHERE s.stream_type = 'primitive';
INSERT INTO main.taxonomies (parent_ref, child_ref, weight)
  SELECT p.id, c.id, w.weight FROM main.streams p
  CROSS JOIN (VALUES ('us_cpi_yoy', 0.6), ('fed_funds_rate', 0.4)) AS w (name, weight)
  JOIN main.streams c ON c.name = w.name WHERE p.name = 'economy_index';

GRANT USAGE ON SCHEMA main TO ${READER_ROLE};
GRANT SELECT ON ALL TABLES IN SCHEMA main TO ${READER_ROLE};
GRANT SELECT ON ALL SEQUENCES IN SCHEMA main TO ${READER_ROLE};
ANALYZE;
`;
