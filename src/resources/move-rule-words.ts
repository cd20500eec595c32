/** The words in which regulations and moves are compared. Pure data: the gate reads them, and so does the schema. */

/**
 * What the law sees in a move, whatever the healer calls it. A move that is none of these has no meaning to a regulation
 * and is bound by residency alone.
 */
export const DEEDS = {
  place: 'starts instances somewhere',
  relocate: "brings a tenant's data to another place, or lets another copy lead",
  pool: 'brings a tenant into resources that it shares with others',
  'scale-out': 'adds instances',
  'roll-back': 'goes back to an earlier release',
  change: 'changes a configuration or a release',
  restore: 'brings back data from a backup',
  'rotate-certificate': 'puts another certificate in the place of one',
  'rotate-key': 'puts another key or secret in the place of one',
  'destroy-key': 'makes data unreadable for good',
  quarantine: 'keeps a tenant, or an instance that serves it, out',
  'enable-isolation': 'switches the separation of tenants on again',
  'purge-logs': 'deletes records of what was done',
  'weaken-control': 'switches off a protection: audit, intrusion detection, a filter, encryption, isolation',
  'weaken-login': 'unlocks many, lengthens sessions, lets somebody in without a factor',
  'weaken-transport': 'allows an older protocol or plain text',
  capture: 'writes memory, packets or verbose logs',
  'restore-drill': 'restores real data for practice',
  'delete-evidence': 'overwrites or removes what shows what happened',
  page: 'calls a person',
} as const;
export type Deed = keyof typeof DEEDS;

/**
 * What can be shown of a move, each a claim that is true, false or not known. A rule either needs one (then not known is a
 * no) or is barred by one (then only what is known bars; the control itself stays unknown in the posture).
 */
export const CLAIMS = {
  'copies-permitted': 'every copy of the data will stand in permitted regions: primary, replicas, backups',
  'logs-permitted': 'logs and telemetry will stand in permitted regions',
  'keys-permitted': 'keys will stand in permitted regions',
  'processors-authorised': "whoever runs the new place is on the tenant's list of processors",
  'agreement-in-force': 'an agreement with whoever runs the new place is in force',
  'processors-bound': 'an agreement is in force with whoever runs the new place, where the move says who does',
  'in-inventory': 'the new place is in the inventory of the environment',
  'copy-verified': 'a copy was compared with the source and is whole',
  'isolation-proven': 'a probe between two canary tenants found no foreign row, there',
  'erasures-replayed': 'erasures since the backup are made again before anybody is let in',
  'restrictions-kept': 'restriction flags are set again before anybody is let in',
  'grants-replayed': 'grants that were revoked since the backup stay revoked',
  'purges-replayed': 'what has passed its retention is deleted again',
  'damaged-copy-kept': 'the damaged copy is kept for whoever investigates',
  'new-audit-segment': 'the record goes on in a new segment and nothing in it is rewritten',
  'known-critical-vulnerability': 'the release has a known critical vulnerability that is older than the law allows',
  'isolation-lost': 'the release, or what is brought back, is known to lack the separation of tenants',
  'standard-change': 'the change is on the list that was approved beforehand',
  recorded: 'the change is on record before it is made',
  'checked-after': 'the change is verified by an independent signal',
  'new-certificate-live': 'a handshake shows the new certificate before the old one goes',
  'old-key-kept': 'the old key stays until all data are wrapped anew',
  'two-people': 'two people agreed to exactly this',
  'legal-hold-clear': 'no legal hold forbids it',
  'time-boxed': 'it ends by itself, or is decided on anew within a time, and a person is told each time',
  'emergency-open': 'the way in for emergencies stays open',
  'export-open': "the way to the tenant's own data stays open",
  'tenant-context-proven': 'the application was seen to name its tenant, so that protection does not become an outage',
  redacted: 'nothing personal and no card data are in it',
  'no-live-authorisations': 'no card is being authorised where it is taken',
  'stored-encrypted': 'it is stored encrypted, in a permitted region, and expires',
  'equal-controls': 'the other environment has the same controls',
  'stale-image': 'the image is older than the hardening or patches that are in force',
  'audit-silent': 'an audit canary is lost there',
  'clock-off': 'the clock there is out of step',
} as const;
export type Claim = keyof typeof CLAIMS;

/** What has to follow when a move was permitted. The ruling hands them on; whoever makes the move owes them. */
export const DUTIES = {
  'assess-breach': 'open an assessment whether it is a personal data breach (loss of availability counts)',
  'update-register': 'bring the record of processing up to date: places and recipients',
  'update-inventory': 'bring the inventory up to date',
  'check-controls': "run the tenant's controls again afterwards",
  'scan-if-significant': 'scan for vulnerabilities if the change was significant',
  'check-before-traffic': 'let no request in before image, agent, audit and clock are checked',
  'keep-snapshot': 'keep the facts as they were before the move',
  'probe-isolation': 'probe the separation of tenants afterwards',
} as const;
export type Duty = keyof typeof DUTIES;
