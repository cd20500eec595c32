-- Every value that a setting ever had. A setting that is not declared in a manifest of its own workload version lives here:
-- the configuration of a tenant, key by key, so that one key of one tenant can go back to what was good.
create table setting_change (
  setting text not null,
  revision int not null,
  value text,
  at timestamptz not null default now(),
  made_by text not null,
  -- When it had served long enough to be trusted; null until then, and for ever when it was gone back from.
  soaked_at timestamptz,
  -- Names the write of a repair, so that a repetition is known and the undo finds it.
  write_key text,
  primary key (setting, revision)
);
