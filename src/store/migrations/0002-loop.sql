-- What people declared, with its history.
create table resource (
  kind text not null,
  name text not null,
  generation int not null,
  document jsonb not null,
  -- Folder of the manifest: artefact paths are relative to it.
  base_folder text not null,
  changed_at timestamptz not null default now(),
  changed_by text not null,
  primary key (kind, name)
);
create table resource_history (
  kind text not null,
  name text not null,
  generation int not null,
  -- Null when this generation removed it.
  document jsonb,
  changed_at timestamptz not null default now(),
  changed_by text not null,
  primary key (kind, name, generation)
);

-- Immutable versions of workloads: an artefact with its configuration.
create table workload_version (
  workload text not null,
  version int not null,
  artefact_path text not null,
  artefact_digest text not null,
  config_digest text not null,
  document jsonb not null,
  created_at timestamptz not null default now(),
  -- Set once it has soaked: a candidate for last-known-good.
  promoted_at timestamptz,
  -- Set when a repair went back from it; it is not rolled out again.
  rejected_at timestamptz,
  primary key (workload, version)
);
create table workload_state (
  workload text primary key,
  -- Grows with every change: plans carry the one that they were made from.
  revision bigint not null default 1,
  target_version int not null,
  phase text not null check (phase in ('initial', 'canary', 'rolling', 'soaking', 'steady')),
  phase_since timestamptz not null default now(),
  -- Slots added to or taken from the declared number by moves, per region.
  scale_delta jsonb not null default '{}'
);
create table slot (
  workload text not null,
  region text not null,
  ordinal int not null,
  instance_id text,
  -- The instance that is to follow; written before it is started.
  incoming_id text,
  incoming_version int,
  version int,
  port int not null default 0,
  primary key (workload, region, ordinal)
);

create table incident (
  id text primary key,
  -- One open incident per cause and subject.
  key text not null,
  state text not null check (state in ('open', 'closed')),
  outcome text,
  opened_at timestamptz not null default now(),
  closed_at timestamptz,
  body jsonb not null
);
create unique index incident_open on incident (key) where state = 'open';
create index incident_opened on incident (opened_at desc);

create table plan (
  id text primary key,
  incident_id text not null references incident,
  hash text not null,
  body jsonb not null,
  made_at timestamptz not null default now(),
  expires_at timestamptz,
  approved_by text,
  approved_at timestamptz
);
create table repair (
  id text primary key,
  plan_id text not null references plan,
  incident_id text not null references incident,
  target text not null,
  subject text not null,
  outcome text,
  reason text,
  started_at timestamptz not null default now(),
  ended_at timestamptz
);
-- One repair per target, whoever leads.
create unique index repair_target on repair (target) where ended_at is null;
create index repair_subject on repair (subject, started_at desc);
create table repair_journal (
  repair_id text not null references repair,
  seq int not null,
  at timestamptz not null default now(),
  epoch bigint not null,
  move_index int not null,
  event text not null,
  data jsonb not null default '{}',
  primary key (repair_id, seq)
);

-- Limits that moves put on tenants; part of the gateways' snapshot.
create table mitigation (
  id text primary key,
  tenant text not null,
  kind text not null check (kind in ('throttle', 'quarantine')),
  limits jsonb not null default '{}',
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create table budget (
  scope text primary key,
  tokens double precision not null,
  updated_at timestamptz not null
);
-- The stop and the pauses. No manifest, restart or upgrade writes here: only a person does.
create table stop (
  id text primary key,
  scope text not null,
  reason text not null,
  made_by text not null,
  made_at timestamptz not null default now(),
  expires_at timestamptz,
  lifted_at timestamptz,
  lifted_by text
);
create table drill (
  id text primary key,
  fault text not null,
  target text not null,
  made_by text not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  result jsonb
);
