-- From when on a control was violated for a tenant, as far as its facts tell, when that was found, and when it was measured
-- to be satisfied again. `good_at` is the last measurement that was good; null when there was none.
create table violation (
  id bigint generated always as identity primary key,
  tenant text not null,
  framework text not null,
  control text not null,
  good_at timestamptz,
  bad_at timestamptz not null,
  found_at timestamptz not null,
  healed_at timestamptz
);
create unique index violation_open on violation (tenant, framework, control) where healed_at is null;
create index violation_recent on violation (tenant, framework, found_at);
