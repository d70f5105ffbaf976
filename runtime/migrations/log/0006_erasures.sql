-- Erasures are found by position among very many events, like grants: whoever carries them out looks every second.
create index forsa_events_erasure_idx on forsa_events (notification_id) include (originator_id, topic)
  where topic in ('learner.erasure-decided', 'learner.personal-data-erased');

-- Up to which position of the log erased bytes have left the files of a table by its being written anew.
create table records.rewrites (
  what text primary key,                 -- directory | keys
  position bigint not null,              -- every erasure recorded up to here
  at timestamptz not null default clock_timestamp()
);

do $$ begin
  if exists (select from pg_roles where rolname = 'forsa_projector') then
    grant select, insert, update on records.rewrites to forsa_projector;
  end if;
end $$;
