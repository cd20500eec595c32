-- A ledger that keeps its entries here instead of in files. One row says how far it is and who writes it: `writer` grows
-- with each process that takes over, and what is written under a lower number finds no row to change.
create table ledger_head (
  only_one boolean primary key default true check (only_one),
  vkey text not null,
  writer bigint not null check (writer > 0),
  size bigint not null check (size >= 0),
  bytes bigint not null check (bytes >= 0),
  checkpoint text not null
);

-- One row for each group commit: a frame of entries as the files have it, and how many payloads belong to them.
create table ledger_group (
  first bigint primary key,
  count integer not null check (count > 0),
  frame bytea not null,
  payloads integer not null
);
-- Compressing would cost more than writing.
alter table ledger_group alter column frame set storage external;

-- Sealed personal data of entries. An erased one has no bytes; its length stays.
create table ledger_payload (
  entry bigint not null,
  payload integer not null,
  length integer not null,
  crc bigint not null,
  bytes bytea,
  primary key (entry, payload)
);
alter table ledger_payload alter column bytes set storage external;
