/** What a fact is about. Its name says which: `store postgresql/records/eu`, `listener gateway/8080`. */
export const SUBJECTS = ['tenant', 'store', 'workload', 'instance', 'listener', 'platform', 'person'] as const;
export type SubjectKind = (typeof SUBJECTS)[number];

/** In CEL: `double`, `bool`, `string`, `list<string>`. Numbers are finite; one that is not counts as unknown. */
export type FactType = 'number' | 'boolean' | 'text' | 'texts';

/** One row of the catalogue: what can be known, of what, in which unit, for how long it counts, and what it proves. */
export interface FactKind {
  readonly of: SubjectKind;
  readonly type: FactType;
  /** Of a number: its unit. Otherwise what `true` or the text says. */
  readonly unit: string;
  /** A value that was measured longer ago than this is unknown. */
  readonly freshMs: number;
  /** What a control may conclude from the value, and no more. */
  readonly proves: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Signed records are looked at daily; their own age is the value. */
const RECORD = 2 * DAY;

type Row = readonly [of: SubjectKind, type: FactType, unit: string, freshMs: number, proves: string];

/**
 * Every fact that a control may ask for. A name that is not here is refused where a profile is loaded and where a collector
 * reports. Measured is the effect and not the setting: a handshake, a query as somebody else, an entry found again.
 * Zero is the good value of what counts faults, so that a check reads `value <= 0.0`.
 */
// biome-ignore format: one row a fact
const TABLE = {
  'network.listeners.unapproved': ['platform', 'number', 'listening sockets', HOUR, 'sockets that listen and are not on the approved list'],
  'network.stores.reachable': ['store', 'boolean', 'true: reachable', HOUR, 'a connection from outside the trusted network was accepted'],
  'network.config.drift': ['platform', 'number', 'differences', HOUR, 'running configuration that is not what was declared'],
  'network.review.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last signed review of network rules'],

  'tls.protocol.lowest': ['listener', 'number', 'TLS version, 0 for plain text', HOUR, 'lowest protocol with which a handshake succeeded'],
  'tls.admin.lowest': ['listener', 'number', 'TLS version, 0 for plain text', HOUR, 'the same, on a port for administrators'],
  'tls.cipher.weak': ['listener', 'number', 'cipher classes', HOUR, 'classes without authentication or forward secrecy, or broken, that were accepted'],
  'tls.chain.valid': ['listener', 'boolean', 'true: valid', HOUR, 'chain, names and dates of the certificate that was shown hold'],
  'tls.certificate.daysLeft': ['listener', 'number', 'days', HOUR, 'time until the certificate that was shown expires'],
  'tls.certificate.revoked': ['listener', 'boolean', 'true: revoked', DAY, 'its issuer answered that the certificate is revoked'],
  'tls.inventory.difference': ['platform', 'number', 'certificates', DAY, 'certificates seen and not listed, or listed and not seen'],

  'rls.enabled': ['store', 'boolean', 'true: on every protected table', 5 * MINUTE, 'row-level security is enabled and forced, by the catalog'],
  'rls.policies.missing': ['store', 'number', 'tables', 15 * MINUTE, 'protected tables without a policy that names the tenant'],
  'rls.roles.bypassing': ['store', 'number', 'roles', 15 * MINUTE, 'roles of applications that own tables, are superuser or have BYPASSRLS'],
  'rls.views.bypassing': ['store', 'number', 'views', 15 * MINUTE, 'views on protected tables without security_invoker, and functions that read them as their owner'],
  'rls.truncate.granted': ['store', 'number', 'grants', 15 * MINUTE, 'grants of TRUNCATE or REFERENCES, which row-level security does not see'],
  'rls.keys.leaking': ['store', 'number', 'unique keys', HOUR, 'unique keys over several tenants, whose conflict tells that a row exists'],
  'isolation.sql.foreignRows': ['store', 'number', 'rows', HOUR, "rows of one canary tenant read as another, with the application's role"],
  'isolation.api.foreignRows': ['tenant', 'number', 'answers', HOUR, "answers of the API with another tenant's data, caches included"],
  'isolation.provider.access': ['tenant', 'number', 'accesses', DAY, 'accesses of the operator to data of the tenant without its instruction'],

  'access.grants.surplus': ['store', 'number', 'grants', 15 * MINUTE, 'privileges that a role has, or gets on what is made next, and that nobody declared'],
  'access.direct.roles': ['store', 'number', 'roles', DAY, 'roles of people that read stored card data past the application'],
  'access.default.allowed': ['tenant', 'number', 'requests', HOUR, 'requests without a grant that were answered'],
  'access.review.ageDays': ['tenant', 'number', 'days', RECORD, "age of the last signed review of people's access"],
  'access.review.systemAgeDays': ['platform', 'number', 'days', RECORD, 'age of the last signed review of system accounts'],

  'auth.probe.accepted': ['listener', 'number', 'credentials', HOUR, 'unknown, expired, foreign, replayed or unsigned credentials that were accepted'],
  'auth.lockout.attempts': ['tenant', 'number', 'attempts', DAY, 'wrong attempts of a canary account until it was locked'],
  'auth.lockout.minutes': ['tenant', 'number', 'minutes', DAY, 'how long the canary account stayed locked'],
  'auth.session.idleMinutes': ['tenant', 'number', 'minutes', DAY, 'idle time after which a session was refused'],
  'auth.accounts.default': ['platform', 'number', 'accounts', DAY, 'accounts of a vendor whose default password was accepted'],
  'auth.accounts.shared': ['tenant', 'number', 'accounts', DAY, 'accounts used by more than one person and not excepted'],
  'auth.accounts.inactiveDays': ['tenant', 'number', 'days', DAY, 'longest time without login of an account that still works'],
  'auth.leavers.minutes': ['tenant', 'number', 'minutes', HOUR, 'longest time after leaving that a credential still worked; 0 when none did'],
  'auth.secrets.readable': ['platform', 'number', 'places', DAY, 'stored or logged authentication factors that can be read'],
  'auth.password.lengthMin': ['tenant', 'number', 'characters', DAY, 'shortest password that was accepted'],
  'auth.password.history': ['tenant', 'number', 'passwords', DAY, 'former passwords that were refused'],
  'auth.password.soleAgeDays': ['tenant', 'number', 'days', DAY, 'age of the oldest password that is the only factor; 0 when there is none'],
  'auth.mfa.bypassed': ['tenant', 'number', 'logins', DAY, 'logins without a second factor that were accepted where one is asked for'],
  'auth.system.interactive': ['platform', 'number', 'accounts', DAY, 'system accounts that can log in as people do'],
  'auth.secrets.hardcoded': ['workload', 'number', 'places', DAY, 'secrets found in artefacts'],
  'auth.secrets.ageDays': ['platform', 'number', 'days', DAY, 'age of the oldest secret of a system account'],
  'auth.logins.alertMinutes': ['platform', 'number', 'minutes', DAY, 'time until failed canary logins raised an alert'],

  'encryption.columns.plaintext': ['store', 'number', 'columns', DAY, 'columns declared encrypted whose sample is not'],
  'encryption.layer': ['store', 'text', 'field, column, disk or none', DAY, 'innermost layer that encrypts'],
  'encryption.keys.managed': ['store', 'boolean', 'true: in a key store or wrapped', DAY, 'where the key of the sample lives'],
  'encryption.keys.ageDays': ['store', 'number', 'days', DAY, 'age of the oldest key in use'],
  'encryption.keys.grants': ['store', 'number', 'grants', DAY, 'holders of keys that nobody declared'],
  'encryption.keys.custodians': ['platform', 'number', 'people', RECORD, 'people who signed as custodians of keys handled in clear'],
  'card.stored.plaintext': ['store', 'number', 'hits', DAY, 'full card numbers found readable (Luhn and range)'],
  'card.logs.plaintext': ['platform', 'number', 'hits', HOUR, 'full card numbers found in logs, dumps and queues'],
  'card.authentication.stored': ['store', 'number', 'hits', DAY, 'card codes, tracks or PIN blocks found'],
  'card.display.unmasked': ['tenant', 'number', 'answers', DAY, 'answers with a full card number to a role that is not listed for it'],
  'card.hash.keyed': ['store', 'boolean', 'true: keyed, or none used', DAY, 'hashes of card numbers use a managed key'],
  'card.tests.live': ['platform', 'number', 'hits', DAY, 'live card numbers outside of production'],

  'audit.canary.missing': ['tenant', 'number', 'kinds', HOUR, 'kinds of required events whose canary was not found in the ledger'],
  'audit.canary.seconds': ['tenant', 'number', 'seconds', HOUR, 'longest time until a canary event was found'],
  'audit.canary.fieldsMissing': ['tenant', 'number', 'fields', HOUR, 'required fields that a canary event lacked'],
  'audit.administration.missing': ['platform', 'number', 'kinds', HOUR, 'kinds of what administrators do, and the start of the recording, that were not found in the ledger'],
  'audit.administration.fieldsMissing': ['platform', 'number', 'fields', HOUR, 'required fields that entries of administration lacked'],
  'audit.chain.valid': ['platform', 'boolean', 'true: intact', HOUR, 'the verifier found the ledger intact'],
  'audit.readers.surplus': ['platform', 'number', 'readers', DAY, 'who can read or write logs and is not listed'],
  'audit.ship.lagSeconds': ['platform', 'number', 'seconds', 15 * MINUTE, 'age of the oldest entry that no other place has'],
  'audit.retention.missingDays': ['platform', 'number', 'days', DAY, 'days of the required span of which nothing can be retrieved'],
  'audit.retention.readyMissingDays': ['platform', 'number', 'days', DAY, 'days of the span that has to be at hand and is not'],
  'audit.retention.shortDays': ['platform', 'number', 'days', HOUR, 'days of the required span that entries of the ledger will not be kept for, by what the ledger goes by'],
  'audit.review.ageHours': ['platform', 'number', 'hours', HOUR, 'age of the last automated review of the logs'],
  'audit.export.works': ['tenant', 'boolean', 'true: exported', DAY, "an export of the tenant's own records succeeded and verified"],
  'clock.offset.seconds': ['instance', 'number', 'seconds', 15 * MINUTE, 'offset of its clock from the sources of time, without sign'],

  'residency.instances': ['tenant', 'texts', 'regions', 15 * MINUTE, "where its requests were served, by the gateways' counts"],
  'residency.stores': ['tenant', 'texts', 'regions', HOUR, 'where its data are: primaries and replicas'],
  'residency.backups': ['tenant', 'texts', 'regions', DAY, 'where its backups are'],
  'residency.logs': ['tenant', 'texts', 'regions', DAY, 'where its logs and telemetry are, sinks included'],
  'residency.keys': ['tenant', 'texts', 'regions', DAY, 'where its keys are'],
  'residency.support': ['tenant', 'texts', 'regions', DAY, 'from where people can see its data'],
  'residency.processors': ['tenant', 'texts', 'names', DAY, 'third parties that run what holds or carries its data'],

  'resilience.availability': ['tenant', 'number', 'share', HOUR, 'share of its requests answered without a fault of ours in 30 days'],
  'resilience.rtoMs': ['tenant', 'number', 'ms', DAY, 'longest time without service in incidents and drills of 90 days'],
  'resilience.rpoMs': ['tenant', 'number', 'ms', DAY, 'longest span of data lost in restores of 90 days'],
  'backup.ageHours': ['store', 'number', 'hours', HOUR, 'age of the newest backup that is whole'],
  'backup.readers.surplus': ['store', 'number', 'files', HOUR, 'files of backups that every user of the machine can read'],
  'backup.restore.equal': ['store', 'boolean', 'true: equal', 8 * DAY, 'a restore into a scratch database held what the source held'],
  'drill.ageDays': ['platform', 'number', 'days', DAY, 'age of the last drill that passed, by its record'],
  'drill.degraded.protected': ['platform', 'boolean', 'true: kept', 90 * DAY, 'authentication, audit and encryption held while degraded in a drill'],
  'emergency.access.works': ['tenant', 'boolean', 'true: works and is logged', 90 * DAY, 'the way in for emergencies was tried'],
  'media.movement.unproven': ['platform', 'number', 'movements', RECORD, 'movements or disposals of media without proof of copy or wipe'],
  'tier.missing': ['tenant', 'boolean', 'true: missing', DAY, 'no criticality is declared'],

  'software.inventory.missing': ['platform', 'number', 'artefacts', DAY, 'running artefacts without a bill of materials'],
  'software.advisories.ageDays': ['platform', 'number', 'days', DAY, 'age of the advisories that were imported'],
  'software.critical.ageDays': ['workload', 'number', 'days', DAY, 'age of the oldest known critical vulnerability that runs; 0 when none does'],
  'software.high.ageDays': ['workload', 'number', 'days', DAY, 'the same for high'],
  'software.artefact.drifted': ['workload', 'boolean', 'true: drifted', 15 * MINUTE, 'the artefact on disk is not the one that was declared, by digest'],
  'malware.scan.ageHours': ['platform', 'number', 'hours', HOUR, 'age of the oldest scan of a host or image that runs'],
  'web.protection.blocking': ['listener', 'boolean', 'true: blocked', HOUR, 'a harmless attack probe was blocked before the application'],
  'ids.canary.alerted': ['platform', 'boolean', 'true: alerted', DAY, 'a canary intrusion raised an alert'],
  'files.compare.ageDays': ['platform', 'number', 'days', DAY, 'age of the last comparison of critical files'],
  'change.unrecorded': ['platform', 'number', 'changes', HOUR, 'moves and applies of 90 days without a record in the ledger'],
  'change.unchecked': ['platform', 'number', 'changes', HOUR, 'moves of 90 days without a check after them'],
  'controls.failure.detectMinutes': ['platform', 'number', 'minutes', DAY, 'longest time until the loss of a security control was noticed'],
  'incident.records.incomplete': ['tenant', 'number', 'incidents', HOUR, 'violations without an incident record with duration, cause and remedy'],

  'retention.expired.rows': ['tenant', 'number', 'rows', DAY, 'rows older than their class may be'],
  'retention.purge.ageDays': ['tenant', 'number', 'days', RECORD, 'age of the last proof that expired data were deleted'],
  'personal.logs.statements': ['store', 'number', 'settings', HOUR, 'settings of the server by which values of statements come into its log'],
  'personal.undeclared.columns': ['store', 'number', 'columns', DAY, 'columns with personal data that nobody declared'],
  'subject.requests.oldestDays': ['tenant', 'number', 'days', DAY, 'age of the oldest open request of a data subject; 0 when none is open'],
  'erasure.canary.hits': ['tenant', 'number', 'places', DAY, 'places in which an erased canary subject was found again'],
  'restriction.honoured': ['tenant', 'boolean', 'true: honoured', DAY, 'a restricted canary subject was not processed'],
  'template.protective': ['platform', 'boolean', 'true: protective', DAY, 'a new canary tenant has isolation, encryption and the shortest retention'],
  'evidence.ageHours': ['tenant', 'number', 'hours', HOUR, "age of the tenant's oldest evidence that a control stands on"],
  'instructions.unlogged': ['tenant', 'number', 'moves', DAY, 'moves for the tenant without the instruction under which they were made'],

  'breach.notices.overdue': ['tenant', 'number', 'notices', 15 * MINUTE, 'notices whose deadline has passed without a decision that a person signed'],
  'breach.unassessed': ['tenant', 'number', 'events', 15 * MINUTE, 'losses of confidentiality, integrity or availability that nobody assessed'],
  'register.ageDays': ['tenant', 'number', 'days', RECORD, 'age of the record of processing'],
  'register.fieldsMissing': ['tenant', 'number', 'fields', RECORD, 'required fields that the record of processing lacks'],

  'record.riskAnalysis.ageDays': ['platform', 'number', 'days', RECORD, 'age of the signed risk analysis'],
  'record.evaluation.ageDays': ['platform', 'number', 'days', RECORD, 'age of the signed evaluation of the security measures'],
  'record.inventory.difference': ['platform', 'number', 'components', DAY, 'components that run and are not in the inventory, or the other way round'],
  'record.scope.ageDays': ['platform', 'number', 'days', RECORD, 'age of the signed confirmation of scope'],
  'record.network-map.ageDays': ['platform', 'number', 'days', RECORD, 'age of the signed map of the network'],
  'record.cryptography.ageDays': ['platform', 'number', 'days', RECORD, 'age of the reviewed inventory of ciphers and protocols'],
  'record.technology.ageDays': ['platform', 'number', 'days', RECORD, 'age of the review of hardware and software in use'],
  'record.scan.internal.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last internal vulnerability scan'],
  'record.scan.internal.open': ['platform', 'number', 'findings', RECORD, 'high and critical findings of it that no later scan saw closed'],
  'record.scan.external.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last passing scan by an approved vendor'],
  'record.penetration.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last penetration test'],
  'record.segmentation.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last test of segmentation and separation of customers'],
  'record.training.ageDays': ['person', 'number', 'days', RECORD, "age of the person's last training"],
  'record.agreements.missing': ['tenant', 'number', 'processors', DAY, 'processors of the tenant without an agreement that is in force'],
  'record.agreements.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last review of providers and agreements'],
  'record.incidentPlan.ageDays': ['platform', 'number', 'days', RECORD, 'age of the last test of the incident plan'],
  'record.roster.empty': ['platform', 'boolean', 'true: nobody', HOUR, 'nobody is on call'],
  'record.impactAssessment.missing': ['tenant', 'boolean', 'true: missing', DAY, 'processing of high risk without an impact assessment'],
  'record.documents.missingDays': ['platform', 'number', 'days', RECORD, 'days of the required span whose documents cannot be retrieved'],
} as const satisfies Readonly<Record<string, Row>>;

export type FactName = keyof typeof TABLE;

export const FACT_KINDS: Readonly<Record<FactName, FactKind>> = Object.fromEntries(
  Object.entries(TABLE).map(([name, [of, type, unit, freshMs, proves]]) => [name, { of, type, unit, freshMs, proves }]),
) as Record<FactName, FactKind>;

export const FACT_NAMES = Object.keys(TABLE) as readonly FactName[];
