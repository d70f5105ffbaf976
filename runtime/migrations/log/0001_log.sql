-- The log and what the append keeps beside it. Names of the first four columns and of notification_id are the
-- eventsourcing library's, so that its stock recorder reads this table. Positions are notification_id: dense, from 1.

create table forsa_events (
  originator_id uuid not null,           -- stream id
  originator_version bigint not null,    -- version in the stream: 1, 2, 3, …
  topic text not null,                   -- permanent tag of the event
  state bytea not null,                  -- the stored form: one JSON object, UTF-8
  notification_id bigint not null,       -- position in the log
  recorded_at timestamptz not null,      -- one value per append, never backwards
  primary key (originator_id, originator_version)
) with (
  -- Rows are only ever inserted: vacuum to freeze and to set the visibility map, in steps that stay small for ever.
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_insert_scale_factor = 0.02,
  autovacuum_analyze_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.02
);
create unique index forsa_events_notification_id_idx on forsa_events (notification_id);

-- Grants are tailed by position, by every process; they are few among very many events.
create index forsa_events_access_idx on forsa_events (notification_id)
  where topic in ('organisation.access-granted', 'organisation.access-revoked');

-- Values only one stream may hold (HMACs). Kept like an index: rebuildable from the states, emptied by erasure.
create table claims (
  kind text not null,
  digest bytea not null,
  stream uuid not null,
  primary key (kind, digest)
);
create index claims_stream_idx on claims (stream);

-- One row per command that stored something: what makes a retry harmless.
create table commands (
  subject uuid not null,                 -- stream id of the Worker or partner that sent it
  id bytea not null,                     -- the key's own 16 bytes, or an HMAC of command id and row in bulk
  body bytea not null,                   -- HMAC of method, path and raw body
  status smallint not null,
  first_position bigint not null,
  last_position bigint not null,
  recorded_at timestamptz not null,
  primary key (subject, id)
);

-- Tables that are not views and are never rebuilt stand here.
create schema records;
