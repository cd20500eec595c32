-- Who leads. One row a lease; `epoch` is the fencing token and grows with each change of holder.
create table lease (
  name text primary key,
  holder text not null,
  epoch bigint not null check (epoch > 0),
  expires_at timestamptz not null,
  -- Makes `epoch` a key column: a new holder's update then waits for `for key share` locks of the old leader's writes,
  -- while a renewal, which leaves the key alone, does not.
  unique (name, epoch)
);

-- Records of state changes, written in the transaction of the change, until the ledger has acknowledged them.
create table outbox (
  seq bigserial primary key,
  event jsonb not null,
  created_at timestamptz not null default now()
);
