-- The only way into the log: one call, one transaction, one lock. Everything is stored, or nothing and the reason.
--
-- One event comes as scalars (stream, version, tag, state); several come as more->'events' and the scalars are null.
--   more: {"events": [[stream, version, tag, state], …], "guards": [[stream, version], …],
--          "taken": [[kind, digest as hex, stream], …], "freed": [[kind, digest as hex, stream], …]}
-- Refusals, all in class 23 (integrity), `detail` is JSON:
--   23F01 guard       [stream, …]                       a stream that was read has moved on
--   23F02 version     {stream, expected, actual}        versions of a stream do not follow its last one
--   23F03 claim taken {kind, holder}
--   23F04 command     {}                                this command id was stored before; said first
--   23F05 claim freed {kind}                            the stream that frees it does not hold it
--   23F06 too many    {events, most}                    more than 500 events
--   23F07 isolation   {isolation}                       the checks need to see what committed before the lock was had
--   23F08 empty       {}                                no event
create function forsa_append(
  stream uuid, version bigint, tag text, state bytea,
  subject uuid, command_id bytea, body bytea, status smallint, more json default null,
  out first_position bigint, out last_position bigint, out at timestamptz)
language plpgsql security definer
-- Only the search path may stand here: a SET clause ends with the function, before the commit that it must reach.
set search_path = pg_catalog, public, pg_temp
as $$
declare
  last_at timestamptz;
  wrong json;
  event_count integer := 1;
  held bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = '23F07', message = 'appends need the isolation level read committed',
      detail = json_build_object('isolation', current_setting('transaction_isolation'));
  end if;
  if stream is null then
    event_count := coalesce(json_array_length(more->'events'), 0);
    if event_count = 0 then
      raise exception using errcode = '23F08', message = 'an append needs an event', detail = '{}';
    elsif event_count > 500 then
      raise exception using errcode = '23F06', message = 'too many events in one append',
        detail = json_build_object('events', event_count, 'most', 500);
    end if;
  end if;
  -- An acknowledged event must outlive a crash whatever the session was set to.
  if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
    perform set_config('synchronous_commit', 'on', true);
  end if;

  perform pg_advisory_xact_lock(7066);

  if command_id is not null and exists (select from commands c where c.subject = $5 and c.id = command_id) then
    raise exception using errcode = '23F04', message = 'this command was stored before', detail = '{}';
  end if;
  select e.notification_id + 1, e.recorded_at into first_position, last_at
    from forsa_events e order by e.notification_id desc limit 1;
  first_position := coalesce(first_position, 1);
  last_position := first_position + event_count - 1;
  at := greatest(clock_timestamp(), last_at + interval '1 microsecond');

  if more is not null then
    select json_agg(g->0) into wrong from json_array_elements(more->'guards') g
      where (g->>1)::bigint is distinct from coalesce(
        (select e.originator_version from forsa_events e where e.originator_id = (g->>0)::uuid
          order by e.originator_version desc limit 1), 0);
    if wrong is not null then
      raise exception using errcode = '23F01', message = 'a stream that was read has moved on', detail = wrong;
    end if;
  end if;

  if stream is not null then
    select e.originator_version into held from forsa_events e where e.originator_id = stream
      order by e.originator_version desc limit 1;
    if version is distinct from coalesce(held, 0) + 1 then
      wrong := json_build_object('stream', stream, 'expected', version - 1, 'actual', coalesce(held, 0));
    else
      insert into forsa_events values (stream, version, tag, state, first_position, at);
    end if;
  else
    with event as materialized (
      select (j->>0)::uuid as stream, (j->>1)::bigint as version, j->>2 as tag, j->>3 as state, n
        from json_array_elements(more->'events') with ordinality as listed(j, n)
    ), misplaced as materialized (
      select placed.stream, placed.version - placed.nth as expected, coalesce(last.version, 0) as actual
        from (select event.*, row_number() over (partition by event.stream order by n) as nth from event) placed
        left join lateral (
          select e.originator_version as version from forsa_events e where e.originator_id = placed.stream
            order by e.originator_version desc limit 1) last on true
        where placed.version is distinct from coalesce(last.version, 0) + placed.nth
        order by n limit 1
    ), stored as (
      insert into forsa_events
        select event.stream, event.version, event.tag, convert_to(event.state, 'UTF8'), first_position + n - 1, at
          from event where not exists (select from misplaced)
    )
    select row_to_json(misplaced) into wrong from misplaced;
  end if;
  if wrong is not null then
    raise exception using errcode = '23F02', message = 'versions do not follow the last of their stream', detail = wrong;
  end if;

  if more->'freed' is not null then
    with claim as (
      select j->>0 as kind, decode(j->>1, 'hex') as digest, (j->>2)::uuid as stream
        from json_array_elements(more->'freed') j
    ), freed as (
      delete from claims c using claim
        where c.kind = claim.kind and c.digest = claim.digest and c.stream = claim.stream returning c.kind, c.digest
    )
    select json_build_object('kind', claim.kind) into wrong
      from claim left join freed using (kind, digest) where freed.kind is null limit 1;
    if wrong is not null then
      raise exception using errcode = '23F05', message = 'a claim is freed only by the stream that holds it',
        detail = wrong;
    end if;
  end if;
  if more->'taken' is not null then
    insert into claims select j->>0, decode(j->>1, 'hex'), (j->>2)::uuid from json_array_elements(more->'taken') j
      on conflict do nothing;
    get diagnostics held = row_count;
    if held <> json_array_length(more->'taken') then
      select json_build_object('kind', c.kind, 'holder', c.stream) into wrong
        from json_array_elements(more->'taken') with ordinality as listed(j, n)
        join claims c on c.kind = j->>0 and c.digest = decode(j->>1, 'hex')
        order by c.stream = (j->>2)::uuid, n limit 1;
      raise exception using errcode = '23F03', message = 'a claim is held by another stream', detail = wrong;
    end if;
  end if;

  if command_id is not null then
    insert into commands values (subject, command_id, body, status, first_position, last_position, at);
  end if;
  notify forsa_events;
end $$;

-- The last position recorded at or before a moment: always the end of an append, whose events share one moment.
-- The lock is shared with other readers and waits for the append under way, so the answer cannot change afterwards
-- (short of a clock that is set back: then the append takes an earlier moment than one already asked for).
-- Null: the moment lies after the database's clock.
create function forsa_position_at(moment timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
declare
  low bigint := 0;
  high bigint;
  middle bigint;
  last_at timestamptz;
begin
  perform pg_advisory_xact_lock_shared(7066);
  select e.notification_id, e.recorded_at into high, last_at
    from forsa_events e order by e.notification_id desc limit 1;
  if moment > greatest(clock_timestamp(), last_at) then
    return null;
  end if;
  high := coalesce(high, 0);
  while low < high loop
    middle := (low + high + 1) / 2;
    if (select e.recorded_at from forsa_events e where e.notification_id = middle) <= moment then
      low := middle;
    else
      high := middle - 1;
    end if;
  end loop;
  return low;
end $$;
