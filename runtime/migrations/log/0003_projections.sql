-- What the projector keeps that is not a view: rows a view could not make. Never rebuilt, healed by a retry.
create table records.parked (
  view text not null,
  version integer not null,              -- of the view
  stream uuid not null,
  position bigint not null,              -- of the first event this view has not taken in for this stream
  exception text not null,               -- class name only: a message may hold personal data
  retry boolean not null default false,  -- someone asked the projector to try again
  parked_at timestamptz not null default clock_timestamp(),
  primary key (view, version, stream)
);

do $$ begin
  if exists (select from pg_roles where rolname = 'forsa_projector') then
    grant select, insert, update, delete on records.parked to forsa_projector;
  end if;
end $$;

-- Likeness of names. The directory finds names without it, only misspelt ones fewer: its absence is no error.
do $$ begin
  create extension if not exists pg_trgm;
exception when others then
  raise notice 'pg_trgm is not available: %', sqlerrm;
end $$;
