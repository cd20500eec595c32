-- What detectors know, so that the next leader does not start blind. Text and not jsonb: a state goes back exactly as it was.
create table detection_state (
  detector text not null,
  part text not null,
  shape text not null,
  heard_until double precision not null,
  state text not null,
  written_at timestamptz not null default now(),
  primary key (detector, part)
);
