-- What a repair cost the tenants, measured when it ended; null for one that was not measured.
alter table repair add column harm jsonb;
-- A person lets a playbook run alone again after its harm took that away.
create table pardon (
  playbook text not null,
  at timestamptz not null default now(),
  made_by text not null,
  reason text not null
);
create index pardon_playbook on pardon (playbook, at desc);
-- Who led when: a healer whose lead changes hands again and again is not to be trusted with repairs.
create table leadership (
  epoch bigint primary key,
  holder text not null,
  gained_at timestamptz not null default now()
);
