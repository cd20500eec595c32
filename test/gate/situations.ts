import type { Standing } from '../../src/comply/gate.ts';
import type { Claim, Deed } from '../../src/resources/move-rule-words.ts';

type Kind = 'permit' | 'deny' | 'needs-approval';

/** A move in a situation, and what a lawyer expects under each regulation, written down by hand. */
export interface Situation {
  readonly move: string;
  /** In words for people. */
  readonly when: string;
  readonly deeds: readonly Deed[];
  readonly after?: Standing;
  readonly shown?: readonly Claim[];
  readonly refuted?: readonly Claim[];
  readonly expected: { readonly gdpr: Kind; readonly hipaa: Kind; readonly pci: Kind };
}

const all = (kind: Kind) => ({ gdpr: kind, hipaa: kind, pci: kind });
const PERMIT = all('permit');
const DENY = all('deny');

/** What the executor keeps of every step. */
const WORK: readonly Claim[] = ['standard-change', 'recorded', 'checked-after'];

const AT_HOME: Standing = { instances: ['home'], data: ['home'], processors: ['own host'] };
const RESTORED: readonly Claim[] = [
  ...WORK,
  'agreement-in-force',
  'erasures-replayed',
  'restrictions-kept',
  'grants-replayed',
  'purges-replayed',
  'damaged-copy-kept',
  'new-audit-segment',
  'in-inventory',
];
const MOVED: readonly Claim[] = [...WORK, 'agreement-in-force', 'in-inventory', 'copy-verified'];

const without = (claims: readonly Claim[], claim: Claim) => claims.filter((each) => each !== claim);

/** Rows of the same move stand together. The tenants permit the region `home` and the processor `own host` alone. */
export const SITUATIONS: readonly Situation[] = [
  { move: 'replace', when: 'an instance, at home', deeds: ['place'], after: { instances: ['home'] }, expected: PERMIT },
  {
    move: 'replace',
    when: 'instances at home and abroad; the gateway serves each tenant where it may be',
    deeds: ['place'],
    after: { instances: ['home', 'abroad'] },
    expected: PERMIT,
  },
  {
    move: 'replace',
    when: 'an instance, abroad only',
    deeds: ['place'],
    after: { instances: ['abroad'] },
    expected: DENY,
  },
  {
    move: 'replace',
    when: 'nobody can say where it will stand',
    deeds: ['place'],
    after: { instances: 'unknown' },
    expected: DENY,
  },

  {
    move: 'replace',
    when: 'an instance, at home, run by a provider that is not on the list',
    deeds: ['place'],
    after: { instances: ['home'], processors: ['new host'] },
    shown: ['agreement-in-force'],
    expected: DENY,
  },
  {
    move: 'replace',
    when: 'an instance, at home, run by a provider on the list, and no agreement was shown',
    deeds: ['place'],
    after: { instances: ['home'], processors: ['own host'] },
    expected: DENY,
  },

  {
    move: 'failover',
    when: 'to a verified copy at home, provider authorised and under agreement, place in the inventory',
    deeds: ['relocate'],
    after: AT_HOME,
    shown: MOVED,
    expected: PERMIT,
  },
  {
    move: 'failover',
    when: 'to a copy abroad',
    deeds: ['relocate'],
    after: { instances: ['home'], data: ['abroad'] },
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, but the logs go abroad',
    deeds: ['relocate'],
    after: { ...AT_HOME, logs: ['abroad'] },
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, but the keys are abroad: encryption cures no transfer',
    deeds: ['relocate'],
    after: { ...AT_HOME, keys: ['abroad'] },
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, but nobody knows where the backups will be',
    deeds: ['relocate'],
    after: { ...AT_HOME, backups: 'unknown' },
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, to a provider that is not on the list',
    deeds: ['relocate'],
    after: { ...AT_HOME, processors: ['new host'] },
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, and no agreement was shown',
    deeds: ['relocate'],
    after: AT_HOME,
    shown: without(MOVED, 'agreement-in-force'),
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'and nobody has said where to',
    deeds: ['relocate'],
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'at home, to a copy that nobody has verified',
    deeds: ['relocate'],
    after: AT_HOME,
    shown: without(MOVED, 'copy-verified'),
    expected: { gdpr: 'permit', hipaa: 'deny', pci: 'permit' },
  },
  {
    move: 'failover',
    when: 'at home, to a place that is not in the inventory',
    deeds: ['relocate'],
    after: AT_HOME,
    shown: without(MOVED, 'in-inventory'),
    refuted: ['in-inventory'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'failover',
    when: 'into a shared pool that no isolation probe has passed',
    deeds: ['relocate', 'pool'],
    after: AT_HOME,
    shown: MOVED,
    expected: DENY,
  },
  {
    move: 'failover',
    when: 'into a shared pool that the isolation probe has passed',
    deeds: ['relocate', 'pool'],
    after: AT_HOME,
    shown: [...MOVED, 'isolation-proven'],
    expected: PERMIT,
  },

  {
    move: 'restore',
    when: 'with erasures, restrictions, grants and purges made again, the damaged copy kept',
    deeds: ['restore'],
    after: AT_HOME,
    shown: RESTORED,
    expected: PERMIT,
  },
  {
    move: 'restore',
    when: 'without making erasures again',
    deeds: ['restore'],
    after: AT_HOME,
    shown: without(RESTORED, 'erasures-replayed'),
    expected: { gdpr: 'deny', hipaa: 'permit', pci: 'permit' },
  },
  {
    move: 'restore',
    when: 'without purging what has expired',
    deeds: ['restore'],
    after: AT_HOME,
    shown: without(RESTORED, 'purges-replayed'),
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'restore',
    when: 'revoked grants come back',
    deeds: ['restore'],
    after: AT_HOME,
    shown: without(RESTORED, 'grants-replayed'),
    refuted: ['grants-replayed'],
    expected: { gdpr: 'deny', hipaa: 'deny', pci: 'permit' },
  },
  {
    move: 'restore',
    when: 'to a provider that is not on the list',
    deeds: ['restore'],
    after: { ...AT_HOME, processors: ['new host'] },
    shown: RESTORED,
    expected: DENY,
  },
  {
    move: 'restore',
    when: 'over the damaged volume',
    deeds: ['restore'],
    after: AT_HOME,
    shown: without(RESTORED, 'damaged-copy-kept'),
    refuted: ['damaged-copy-kept'],
    expected: DENY,
  },

  {
    move: 'rollback',
    when: 'to a release of which nothing bad is known',
    deeds: ['roll-back', 'change'],
    after: { instances: ['home'] },
    shown: WORK,
    expected: PERMIT,
  },
  {
    move: 'rollback',
    when: 'to a release with a known critical hole older than a month',
    deeds: ['roll-back', 'change'],
    shown: [...WORK, 'known-critical-vulnerability'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'rollback',
    when: 'to a release without the separation of tenants',
    deeds: ['roll-back', 'change'],
    shown: [...WORK, 'isolation-lost'],
    expected: DENY,
  },

  {
    move: 'revert',
    when: 'a setting; on the list, on record, checked after',
    deeds: ['change'],
    shown: WORK,
    expected: PERMIT,
  },
  {
    move: 'revert',
    when: 'a change that nobody approved beforehand',
    deeds: ['change'],
    shown: without(WORK, 'standard-change'),
    refuted: ['standard-change'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'revert',
    when: 'a change that is not on record',
    deeds: ['change'],
    shown: without(WORK, 'recorded'),
    expected: { gdpr: 'permit', hipaa: 'deny', pci: 'deny' },
  },
  {
    move: 'revert',
    when: 'a change that is not checked afterwards',
    deeds: ['change'],
    shown: without(WORK, 'checked-after'),
    expected: { gdpr: 'permit', hipaa: 'deny', pci: 'deny' },
  },

  {
    move: 'rotate',
    when: 'a certificate; the new one is seen in a handshake before the old one goes',
    deeds: ['rotate-certificate'],
    shown: ['new-certificate-live'],
    expected: PERMIT,
  },
  {
    move: 'rotate',
    when: 'a certificate; the old one goes first',
    deeds: ['rotate-certificate'],
    refuted: ['new-certificate-live'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'rotate',
    when: 'a key; the old one stays until all data are wrapped anew',
    deeds: ['rotate-key'],
    shown: ['old-key-kept'],
    expected: PERMIT,
  },
  {
    move: 'rotate',
    when: 'a key; the old one is dropped',
    deeds: ['rotate-key'],
    refuted: ['old-key-kept'],
    expected: DENY,
  },
  { move: 'run', when: 'destroy a key, alone', deeds: ['destroy-key'], shown: ['legal-hold-clear'], expected: DENY },
  {
    move: 'run',
    when: 'destroy a key, by two people, without knowing of a legal hold',
    deeds: ['destroy-key'],
    shown: ['two-people'],
    expected: DENY,
  },
  {
    move: 'run',
    when: 'destroy a key, by two people, no legal hold',
    deeds: ['destroy-key'],
    shown: ['two-people', 'legal-hold-clear'],
    expected: PERMIT,
  },

  {
    move: 'quarantine',
    when: 'a tenant, for half an hour; the ways for emergencies and export stay open',
    deeds: ['quarantine'],
    shown: ['time-boxed', 'emergency-open', 'export-open', 'recorded'],
    expected: PERMIT,
  },
  {
    move: 'quarantine',
    when: 'a tenant, without an end',
    deeds: ['quarantine'],
    refuted: ['time-boxed'],
    shown: ['emergency-open', 'export-open', 'recorded'],
    expected: DENY,
  },
  {
    move: 'quarantine',
    when: 'a tenant, no way in for emergencies',
    deeds: ['quarantine'],
    refuted: ['emergency-open'],
    shown: ['time-boxed', 'export-open', 'recorded'],
    expected: { gdpr: 'permit', hipaa: 'deny', pci: 'permit' },
  },
  {
    move: 'quarantine',
    when: 'a tenant, for so long that it cannot answer requests of its people',
    deeds: ['quarantine'],
    refuted: ['export-open'],
    shown: ['time-boxed', 'emergency-open', 'recorded'],
    expected: { gdpr: 'deny', hipaa: 'permit', pci: 'permit' },
  },
  { move: 'quarantine', when: 'one kind of request: it keeps no tenant out', deeds: [], expected: PERMIT },

  {
    move: 'quarantine',
    when: 'new rows of a tenant in one store: nobody is kept out of what is there',
    deeds: [],
    expected: PERMIT,
  },
  {
    move: 'reroute',
    when: 'a tenant, back to where it may be served',
    deeds: ['change', 'place'],
    after: { instances: ['home'] },
    shown: WORK,
    expected: PERMIT,
  },
  {
    move: 'reroute',
    when: 'a tenant, to where it was before and may not be',
    deeds: ['change', 'place'],
    after: { instances: ['abroad'] },
    shown: WORK,
    expected: DENY,
  },

  {
    move: 'reenable',
    when: 'row-level security; the application has served with it before',
    deeds: ['change', 'enable-isolation'],
    shown: [...WORK, 'tenant-context-proven'],
    expected: PERMIT,
  },
  {
    move: 'reenable',
    when: 'row-level security; whether the application names its tenant is not known',
    deeds: ['change', 'enable-isolation'],
    shown: WORK,
    expected: DENY,
  },

  { move: 'run', when: 'purge audit logs because the disk is full', deeds: ['purge-logs'], expected: DENY },
  { move: 'run', when: 'remove what shows what happened', deeds: ['delete-evidence'], expected: DENY },
  {
    move: 'run',
    when: 'pause audit, intrusion detection or the filter for speed',
    deeds: ['weaken-control'],
    shown: WORK,
    expected: DENY,
  },
  {
    move: 'run',
    when: 'unlock everybody, lengthen sessions, leave out the second factor',
    deeds: ['weaken-login'],
    shown: WORK,
    expected: DENY,
  },
  { move: 'run', when: 'allow TLS 1.0 again for a client', deeds: ['weaken-transport'], shown: WORK, expected: DENY },
  {
    move: 'run',
    when: 'a heap dump, not redacted',
    deeds: ['capture'],
    shown: ['stored-encrypted', 'no-live-authorisations'],
    expected: { gdpr: 'deny', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'run',
    when: 'verbose logs, redacted and stored encrypted, while cards are authorised there',
    deeds: ['capture'],
    shown: ['redacted', 'stored-encrypted'],
    refuted: ['no-live-authorisations'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'run',
    when: 'verbose logs, redacted and stored encrypted, no card being authorised',
    deeds: ['capture'],
    shown: ['redacted', 'stored-encrypted', 'no-live-authorisations'],
    expected: PERMIT,
  },
  {
    move: 'run',
    when: 'a restore for practice where the controls are weaker',
    deeds: ['restore-drill'],
    after: { data: ['home'] },
    shown: ['in-inventory'],
    refuted: ['equal-controls'],
    expected: DENY,
  },
  {
    move: 'run',
    when: 'a restore for practice abroad, with equal controls',
    deeds: ['restore-drill'],
    after: { data: ['abroad'] },
    shown: ['in-inventory', 'equal-controls'],
    expected: DENY,
  },
  {
    move: 'run',
    when: 'a restore for practice at home, with equal controls',
    deeds: ['restore-drill'],
    after: { data: ['home'] },
    shown: ['in-inventory', 'equal-controls'],
    expected: PERMIT,
  },

  {
    move: 'scale',
    when: 'at home, from a current image',
    deeds: ['scale-out', 'place'],
    after: { instances: ['home'] },
    expected: PERMIT,
  },
  {
    move: 'scale',
    when: 'at home, from an image that is known to be stale',
    deeds: ['scale-out', 'place'],
    after: { instances: ['home'] },
    shown: ['stale-image'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },
  {
    move: 'scale',
    when: 'at home, where the clock is known to be out of step',
    deeds: ['scale-out', 'place'],
    after: { instances: ['home'] },
    shown: ['clock-off'],
    expected: { gdpr: 'permit', hipaa: 'permit', pci: 'deny' },
  },

  { move: 'page', when: 'a person', deeds: ['page'], expected: PERMIT },
];
