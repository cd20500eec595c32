-- How each control stood for each tenant when that was last put on record: what is as it was is not told again.
create table control_status (
  tenant text not null,
  framework text not null,
  control text not null,
  status text not null,
  since timestamptz not null,
  primary key (tenant, framework, control)
);
