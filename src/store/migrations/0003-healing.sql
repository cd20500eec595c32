-- A limit may be on less than a tenant (a route, one kind of request, a caller); `limits` holds all that narrows it.
alter table mitigation alter column tenant drop not null;
alter table mitigation drop constraint mitigation_kind_check;
alter table mitigation add constraint mitigation_kind_check check (kind in ('throttle', 'quarantine', 'shed'));
