-- What a ledger has pruned of its groups: the first entry that is left and the hashes of those before it. Null: nothing.
alter table ledger_head add column pruned bytea;
