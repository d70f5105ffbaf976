-- What partners are told of diplomas. Rows of a feed are permanent: never rebuilt, never renumbered, never changed.

-- Public facts of diplomas are found by position among very many events. ⚓ One tag more: another index beside this one.
create index forsa_events_diplomas_idx on forsa_events (notification_id) where topic in
  ('learner.diploma-annulled', 'learner.diploma-awarded', 'learner.diploma-corrected',
   'learner.diploma-duplicate-issued', 'learner.diploma-handed-over', 'learner.diploma-minutes-rectified');

create table records.feeds (
  feed text primary key check (feed ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$' and length(feed) <= 60),
  region text,                           -- of the centres whose diplomas it tells of; null: the whole country
  topic text not null unique,
  epoch integer not null default 1 check (epoch > 0),
  sequence bigint not null default 0,    -- of the last row of this epoch
  position bigint not null default 0,    -- of the log: every event up to it has its rows
  opened_at timestamptz not null default clock_timestamp(),
  stopped_at bigint,                     -- position of the event its writer cannot tell; null: it goes on
  stopped_by text                        -- class of the exception: a message may hold personal data
);

-- Epochs that are over. What stands of one ends with stands_until: later rows of it were told and are no longer so.
create table records.feed_epochs (
  feed text not null references records.feeds,
  epoch integer not null,
  stands_until bigint not null,
  position bigint not null,              -- of the log, where the next epoch begins
  reason text not null,
  closed_at timestamptz not null default clock_timestamp(),
  primary key (feed, epoch)
);

create table records.feed_rows (
  feed text not null references records.feeds,
  epoch integer not null check (epoch > 0),
  sequence bigint not null check (sequence > 0),
  position bigint not null,              -- of the event it tells of; of an epoch's first row: where it begins
  diploma uuid,                          -- null: it is about the feed itself
  event bytea not null,                  -- a CloudEvent 1.0 in JSON, as it is sent for ever
  written_at timestamptz not null default clock_timestamp(),
  primary key (feed, epoch, sequence)
) with (
  -- Rows are only ever inserted: vacuum to freeze and to set the visibility map, in steps that stay small for ever.
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_insert_scale_factor = 0.02
);
create index feed_rows_diploma_idx on records.feed_rows (feed, diploma, epoch desc, sequence desc);

-- The owner too may not touch a row by mistake, and an unset server may not lose one that was sent.
create function records.feed_rows_stand() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'a row of a feed stands as it was written';
  elsif current_setting('synchronous_commit') not in ('on', 'remote_apply') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  return null;
end $$;
create trigger feed_rows_stand before insert or update or delete or truncate on records.feed_rows
  for each statement execute function records.feed_rows_stand();

-- How far each feed's topic has been acknowledged to have it. Moved by compare-and-set, after the acknowledgement.
create table records.feed_published (
  feed text primary key references records.feeds,
  epoch integer not null,
  sequence bigint not null,
  at timestamptz not null default clock_timestamp(),
  refused text                           -- why nothing is published to this topic; null: it goes on
);

-- How far each partner says it has read: one row a receipt, applied once.
create table records.receipts (
  partner uuid not null,                 -- stream id of the partner's Worker
  receipt text not null,                 -- the partner's own id of it
  feed text not null references records.feeds,
  epoch integer not null,
  sequence bigint not null,
  via text not null,                     -- kafka | http
  at timestamptz not null default clock_timestamp(),
  primary key (partner, receipt)
);
create index receipts_seen_idx on records.receipts (feed, partner, epoch desc, sequence desc);

-- What came on a topic of ours and could not be applied, with the reason; looked at and sent again by people.
create table records.parked_receipts (
  id bigint generated always as identity primary key,
  topic text not null,
  partition integer not null,
  record_offset bigint not null,         -- not unique: a topic that was made anew counts from 0 again
  key bytea,                             -- its first 200 bytes
  body bytea,                            -- its first 4 KiB
  size bigint not null,                  -- of all of it, in bytes
  reason text not null,                  -- a code
  detail text not null default '',       -- what was expected; nothing of what was sent
  at timestamptz not null default clock_timestamp()
);

-- How far a topic of ours has been read: moved in the transaction that applies or parks.
create table records.consumed (
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  primary key (topic, partition)
);

insert into records.feeds (feed, topic) values ('entraide-nationale', 'forsa.diploma.events.v1');

do $$ begin
  if exists (select from pg_roles where rolname = 'forsa_projector') then
    grant select, insert on records.feed_rows, records.feed_epochs, records.receipts, records.parked_receipts
      to forsa_projector;
    grant update (key, body) on records.parked_receipts to forsa_projector;  -- forgotten after a while
    grant select, insert, update on records.feeds, records.feed_published, records.consumed to forsa_projector;
  end if;
end $$;
