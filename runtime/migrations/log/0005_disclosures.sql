-- Who was shown which learner: one row a request, stored before its answer leaves. Ids only, so it outlives erasure.
-- Never rebuilt and never changed: nothing else knows what was read.
create table records.disclosures (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  request uuid not null,                 -- the X-Request-Id of the answer
  reader uuid not null,                  -- stream id of the worker
  role text not null,                    -- they read in
  org uuid not null,                     -- they read for
  what text not null,                    -- name of the route
  as_of_position bigint,                 -- of the log, where a past moment was read
  subjects uuid[] not null check (cardinality(subjects) > 0),  -- the learners shown; of each of them, in the same order:
  levels text[] not null,                -- how much: full | episode | summary | mentioned (in a record not theirs)
  named boolean[] not null,              -- whether the reader may know who it is
  emergencies uuid[] not null,           -- the emergency access that opened it; null: a standing grant did
  check (cardinality(levels) = cardinality(subjects) and cardinality(named) = cardinality(subjects)
         and cardinality(emergencies) = cardinality(subjects))
) with (
  -- Rows are only ever inserted: vacuum to freeze and to set the visibility map, in steps that stay small for ever.
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_vacuum_insert_scale_factor = 0.02
);
create index disclosures_reader_idx on records.disclosures (reader, at);
create index disclosures_subjects_idx on records.disclosures using gin (subjects) with (fastupdate = off);

-- The owner too may not touch a row by mistake, and an unset server may not lose one that was answered for.
create function records.disclosures_stand() returns trigger language plpgsql as $$
begin
  if tg_op <> 'INSERT' then
    raise exception 'a disclosure stands as it was written';
  elsif current_setting('synchronous_commit') not in ('on', 'remote_apply') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  return null;
end $$;
create trigger disclosures_stand before insert or update or delete or truncate on records.disclosures
  for each statement execute function records.disclosures_stand();
