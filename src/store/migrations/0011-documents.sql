-- Losses that people have to judge, and what was said to each. An opening never changes; everything after it is a step.
create table breach (
  id text primary key,
  -- What was lost of what: while nobody has judged it, the same is not opened twice.
  cause text not null,
  opening jsonb not null,
  opened_at timestamptz not null default now(),
  settled_at timestamptz,
  over_at timestamptz
);
create unique index breach_unsettled on breach (cause) where settled_at is null;
create index breach_standing on breach (opened_at) where over_at is null;
create table breach_step (
  breach_id text not null references breach,
  seq int not null,
  step jsonb not null,
  primary key (breach_id, seq)
);

-- Versions of the record of processing.
create table register (
  version int primary key,
  digest text not null,
  document jsonb not null,
  made_at timestamptz not null default now(),
  made_by text not null
);

-- What people did and signed: trainings, reviews, contracts, attestations.
create table signed_record (
  id text primary key,
  kind text not null,
  about text not null,
  done_on text not null,
  expires_on text not null,
  statement jsonb not null,
  envelope text not null,
  signer text not null,
  imported_at timestamptz not null default now(),
  imported_by text not null,
  withdrawn_at timestamptz
);
create index signed_record_kind on signed_record (kind, about, done_on desc);
