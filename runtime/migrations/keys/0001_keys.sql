-- The data keys, in a database of their own. A row is made once, may be destroyed once, and never comes back.
create table keys (
    stream       uuid        not null,
    family       text        not null,
    generation   integer     not null check (generation >= 1),
    wrapped      bytea,                            -- null: destroyed
    master       smallint    not null default 1,   -- number of the master key that wraps it: a new one may wrap it again
    created_at   timestamptz not null default now(),
    destroyed_at timestamptz,
    whole        boolean     not null default false, -- destroyed with the whole person: no further generation
    primary key (stream, family, generation),
    check ((wrapped is null) = (destroyed_at is not null)),
    check (not whole or destroyed_at is not null)
);

-- A backup tool, a hurried repair or a fault of ours must not bring a destroyed key back.
create function keys_stay_destroyed() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' then
        raise exception 'a key is destroyed by setting wrapped to null, its row stays';
    end if;
    if (new.stream, new.family, new.generation, new.created_at)
            is distinct from (old.stream, old.family, old.generation, old.created_at)
        or (new.wrapped is not null and new.wrapped is distinct from old.wrapped
            and not (old.wrapped is not null and new.master = old.master + 1))
        or (new.master is distinct from old.master and new.wrapped is not distinct from old.wrapped)
        or (old.destroyed_at is not null and new.destroyed_at is distinct from old.destroyed_at)
        or (old.whole and not new.whole) then
        raise exception 'a key changes only by being destroyed, or wrapped by the next master key';
    end if;
    return new;
end $$;

create trigger keys_stay_destroyed before update or delete on keys
    for each row execute function keys_stay_destroyed();
create trigger keys_are_not_truncated before truncate on keys
    for each statement execute function keys_stay_destroyed();
