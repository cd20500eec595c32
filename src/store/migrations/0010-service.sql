-- How each tenant was served, day by day (UTC): what availability and the longest time without service are told from.
create table service_day (
  tenant text not null,
  day date not null,
  -- Requests that were answered, and that failed by a fault that is not the caller's.
  answered bigint not null,
  failed bigint not null,
  -- Longest span in which requests failed and none was answered; it counts to the day on which it was last seen.
  outage_ms bigint not null,
  primary key (tenant, day)
);
