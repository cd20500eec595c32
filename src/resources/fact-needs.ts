import type { FactName } from './fact-kinds.ts';

const SESSION = 'it takes a workload that serves the tenant and declares `sessionTrial`, and a trial that has ended';
const CARD = 'it takes a workload that takes cards and declares `cardTrial`';
const PLACE = 'it takes `place` in the Policy, and a state directory on a disk of this machine';
const DIVIDED = 'it takes a store that declares `protections: [row-level-security]` and the `role` of its workload';
const STORE = 'it takes a store with a `server`, an `admin` and the `role` of its workload';
const OUTSIDE = 'nothing here can measure it';

/**
 * What a fact takes to be known where nothing has measured it: which field to declare, or what a person does instead. Where
 * no machine of ours can have it, it says so; the control stays unknown, and the evidence is kept elsewhere.
 */
export const FACT_NEEDS: Readonly<Partial<Record<FactName, string>>> = {
  'auth.session.idleMinutes': SESSION,
  'auth.lockout.attempts': SESSION,
  'auth.lockout.minutes': SESSION,
  'auth.leavers.minutes': SESSION,
  'auth.password.lengthMin': SESSION,
  'auth.password.history': SESSION,
  'auth.probe.accepted': SESSION,
  'auth.accounts.shared': `${OUTSIDE}: whether two people use one account shows in your identity provider; sign an \`access-review\``,
  'auth.accounts.inactiveDays': 'it takes a store with `accounts`',
  'auth.password.soleAgeDays': `${OUTSIDE}: show from your identity provider that a second factor is asked for, or how old passwords are`,
  'auth.mfa.bypassed': `${OUTSIDE}: log in without the second factor yourself, and keep what was answered`,
  'auth.system.interactive': `${OUTSIDE}: go through the accounts under which services run, and sign a \`system-access-review\``,
  'auth.logins.alertMinutes': `${OUTSIDE}: fail some logins on purpose, and keep the alert that came of it`,
  'rls.enabled': DIVIDED,
  'rls.policies.missing': DIVIDED,
  'rls.roles.bypassing': DIVIDED,
  'rls.views.bypassing': DIVIDED,
  'rls.truncate.granted': DIVIDED,
  'rls.keys.leaking': DIVIDED,
  'isolation.sql.foreignRows': DIVIDED,
  'access.grants.surplus': `${STORE}, and its \`privileges\``,
  'access.direct.roles': STORE,
  'auth.accounts.default': STORE,
  'personal.logs.statements': STORE,
  'personal.undeclared.columns': STORE,
  'card.stored.plaintext': STORE,
  'card.authentication.stored': STORE,
  'card.display.unmasked': CARD,
  'card.hash.keyed': CARD,
  'card.tests.live': `${OUTSIDE}: run a fleet on the data of your tests; its \`card.stored.plaintext\` tells`,
  'isolation.api.foreignRows': 'it takes a workload that serves the tenant and declares `isolationTrial`',
  'isolation.provider.access': `${OUTSIDE}: compare \`personal data read\` in the ledger (\`kintsugi subject reveal\`) with what the tenant asked for`,
  'erasure.canary.hits': 'it takes a workload that serves the tenant and declares `erasureTrial`',
  'restriction.honoured': 'it takes a workload that serves the tenant and declares `restrictionTrial`',
  'emergency.access.works': 'it takes a key of the tenant that `emergency.apiKeys` names',
  'encryption.columns.plaintext': 'it takes a store with `encrypted` columns',
  'encryption.layer': 'it takes a store with `encrypted` columns',
  'encryption.keys.managed': 'it takes a store with `encrypted` columns and `keys`',
  'encryption.keys.ageDays': 'it takes a store with `encrypted` columns and `keys`',
  'encryption.keys.grants': 'it takes a store with `encrypted` columns and `keys`',
  'encryption.keys.custodians': `${OUTSIDE}: keep what the custodians of keys signed; keys that Kintsugi generates are never handled in clear`,
  'retention.expired.rows': 'it takes a store with `retention`',
  'backup.ageHours': 'it takes a workload that `backs` the server of the store',
  'backup.readers.surplus': 'it takes a workload that `backs` the server of the store',
  'backup.restore.equal': 'it takes a workload that `backs` the server of the store, and a whole backup',
  'residency.backups': 'it takes a workload that `backs` the server of the store, and a whole backup',
  'residency.logs': PLACE,
  'residency.keys': PLACE,
  'residency.processors': `${PLACE}, with its \`processors\``,
  'residency.support': `${OUTSIDE}: name in the contract from where your people can see the data`,
  'resilience.rpoMs': 'it takes a store with a `server` and an `admin`',
  'network.stores.reachable': `${OUTSIDE}: try to connect from outside of the trusted network, and sign a \`network-review\``,
  'network.config.drift': `${OUTSIDE}: compare rules of firewalls with what was approved, and sign a \`network-review\``,
  'malware.scan.ageHours': `${OUTSIDE}: keep the report of your scanner`,
  'web.protection.blocking': `${OUTSIDE}: send a harmless attack through your web application firewall, and keep the answer`,
  'ids.canary.alerted': `${OUTSIDE}: set off your intrusion detection on purpose, and keep the alert`,
  'media.movement.unproven': `${OUTSIDE}: keep a proof of copy or wipe for every medium that moves`,
  'drill.degraded.protected': `${OUTSIDE}: in a drill, try authentication, record and encryption while it lasts, and keep what was answered`,
  'subject.requests.oldestDays': `${OUTSIDE}: requests of people come to the controller; \`kintsugi subject show\` has the erasures that were asked for here`,
  'template.protective': `${OUTSIDE}: make a tenant from your template, and look at its posture`,
  'record.inventory.difference': 'it takes `inventory` in the Policy',
  'record.documents.missingDays': `${OUTSIDE}: say where documents are kept for six years (45 CFR 164.316(b)(2)(i))`,
};
