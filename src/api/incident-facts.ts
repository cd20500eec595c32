import { sql } from 'kysely';
import { type Clock, fromIso } from '../base/clock.ts';
import type { Posture } from '../comply/posture.ts';
import { isTally } from '../detect/violation.ts';
import { clausesIn } from '../diagnose/clauses.ts';
import type { World } from '../drivers/world.ts';
import type { IncidentBody } from '../heal/memory.ts';
import type { Collector } from '../observe/collector.ts';
import type { Fact } from '../observe/fact.ts';
import { counted } from '../observe/facts/place-collector.ts';
import type { Database } from '../store/database.ts';

const NAME = 'incident-records';
const DAYS = 90;
/** A violation has to be measured twice before it is an incident, and what flaps up to eight times. */
const SETTLED_MS = 3_600_000;
/** An incident is known a little after, or a little before, the turn of a control is on record. */
const NEAR_MS = 600_000;
const ROWS_MAX = 5_000;

export interface IncidentFactsOptions {
  readonly database: Pick<Database, 'kysely'>;
  readonly posture: Pick<Posture, 'lawOf'>;
  readonly world: World;
  readonly clock: Clock;
}

/** A violation that began after it had been measured to be good. */
interface Turned {
  readonly tenant: string;
  readonly framework: string;
  readonly control: string;
  readonly foundAt: string;
  readonly healedAt: string | null;
}

interface Recorded {
  readonly id: string;
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly outcome: string | null;
  readonly body: unknown;
}

/**
 * Whether every violation of 90 days that came about has an incident that names control and tenant, and every incident that is over
 * says how it ended and what caused it. Not counted is what opens none by intention: what people set up so, what is
 * excepted, what is counted of the past, and what was over before an hour had passed.
 */
export function incidentRecords(options: IncidentFactsOptions): Collector {
  const { database, world, clock } = options;
  return {
    name: NAME,
    facts: ['incident.records.incomplete'],
    everyMs: 300_000,
    timeoutMs: 30_000,
    async collect(_signal, keep = () => null) {
      const [turned, incidents] = await Promise.all([readTurned(database), readRecorded(database)]);
      return world.declared.tenants.map(({ metadata: { name } }): Fact => {
        const own = turned.filter((each) => each.tenant === name && isOwed(each, options));
        const silent = own.filter((each) => !incidents.some((incident) => answers(incident, each)));
        const bare = incidents.filter((incident) => isBare(incident) && concerns(incident, name));
        const found = [...silent.map(({ control }) => `${control} without an incident`), ...bare.map(({ id }) => id)];
        const evidence = keep({ collector: NAME, subject: name, violations: own, found });
        const about = { subject: name, tenants: [name], measuredAt: clock.now(), collector: NAME, evidence };
        return { name: 'incident.records.incomplete', ...about, measured: counted(found) };
      });
    },
  };
}

async function readTurned(database: Pick<Database, 'kysely'>): Promise<readonly Turned[]> {
  const { rows } = await sql<Turned>`
    select tenant, framework, control, found_at as "foundAt", healed_at as "healedAt" from violation
    where good_at is not null and found_at > now() - make_interval(days => ${DAYS})
      and coalesce(healed_at, now()) - found_at > make_interval(secs => ${SETTLED_MS / 1_000})
    order by found_at desc limit ${ROWS_MAX}`.execute(database.kysely);
  return rows;
}

async function readRecorded(database: Pick<Database, 'kysely'>): Promise<readonly Recorded[]> {
  const { rows } = await sql<Recorded>`
    select id, opened_at as "openedAt", closed_at as "closedAt", outcome, body from incident
    where coalesce(closed_at, now()) > now() - make_interval(days => ${DAYS})
    order by opened_at desc limit ${ROWS_MAX}`.execute(database.kysely);
  return rows;
}

/** Whether a violation of the control opens an incident. */
function isOwed({ tenant, framework, control }: Turned, { posture, world }: IncidentFactsOptions): boolean {
  const asked = posture.lawOf(tenant)?.frameworks.find(({ name }) => name === framework);
  const checks = asked?.controls.find(({ id }) => id === control)?.checks ?? [];
  if (checks.length === 0 || checks.some(({ fact }) => isTally(fact))) return false;
  return !world.declared.exceptions.some(({ spec }) => spec.control === control && spec.tenants.includes(tenant));
}

function answers({ openedAt, closedAt, body }: Recorded, { tenant, control, foundAt, healedAt }: Turned): boolean {
  const isBefore = healedAt !== null && fromIso(openedAt) > fromIso(healedAt) + NEAR_MS;
  const isAfter = closedAt !== null && fromIso(closedAt) < fromIso(foundAt) - NEAR_MS;
  if (isBefore || isAfter) return false;
  return clausesOf(body).some(({ control: id, tenants, tenantsTotal }) => {
    // Of very many tenants only some are named.
    return id === control && (tenants.includes(tenant) || tenantsTotal > tenants.length);
  });
}

function isBare({ closedAt, outcome, body }: Recorded): boolean {
  return closedAt !== null && (outcome === null || !(body as IncidentBody).diagnosis.cause);
}

function concerns({ body }: Recorded, tenant: string): boolean {
  return clausesOf(body).some(({ tenants }) => tenants.includes(tenant));
}

function clausesOf(body: unknown) {
  return clausesIn((body as IncidentBody).diagnosis.evidence);
}
