-- Tokens of the API: of each only the digest of its secret. Without a tenant a token is for all of them.
create table api_token (
  id text primary key,
  name text not null,
  role text not null,
  tenant text,
  secret_digest text not null unique,
  created_at timestamptz not null default now(),
  created_by text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text
);

-- What the law lays on whoever made a permitted move: owed once it was made, until it is carried out or a person signs for it.
create table duty (
  id text primary key,
  incident text not null,
  repair text not null,
  move_index int not null,
  move text not null,
  duty text not null,
  clause text not null,
  tenants jsonb not null,
  owed_at timestamptz not null default now(),
  met_at timestamptz,
  met_by text,
  result text
);
create unique index duty_once on duty (repair, move_index, duty, clause);
create index duty_open on duty (owed_at) where met_at is null;

-- How often a documented deviation stood in for a result that turned bad.
create table exception_match (
  name text primary key,
  matches bigint not null,
  since timestamptz not null
);
