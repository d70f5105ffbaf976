-- The table is written anew, without the destroyed keys' bytes; the old file goes with the next checkpoint.
-- Nobody reads keys meanwhile. As the owner, since only an owner may.
create function rewrite_keys() returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '2s'
as $$
begin
    cluster keys using keys_pkey;
end $$;
revoke all on function rewrite_keys from public;

do $$ begin
  if exists (select from pg_roles where rolname = 'forsa_keys') then
    grant execute on function rewrite_keys to forsa_keys;
  end if;
end $$;
