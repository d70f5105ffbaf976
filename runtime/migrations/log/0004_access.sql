-- What every process tails by position: who may do what, and where centres stand. Few events among very many.
-- The index of 0001 stays: an older release beside this one reads by it.
create index forsa_events_who_may_idx on forsa_events (notification_id)
  where topic in ('organisation.access-granted', 'organisation.access-revoked', 'organisation.emergency-access-opened',
                  'worker.left');
create index forsa_events_centres_idx on forsa_events (notification_id)
  where topic in ('centre.opened', 'centre.operator-changed');
