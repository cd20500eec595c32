import { mergeSketches, quantileMs } from '../base/latency-sketch.ts';
import { toIso } from '../base/clock.ts';
import { lastKnownGood } from '../diagnose/fleet-view.ts';
import { clausesIn } from '../diagnose/clauses.ts';
import { symptomCounts } from '../diagnose/diagnosis.ts';
import type { Incident } from '../heal/memory.ts';
import { approvalsNeeded, approversOf } from '../heal/journal.ts';
import type { Move } from '../heal/move.ts';
import type { Plan } from '../heal/plan.ts';
import { rehearse } from '../heal/rehearsal.ts';
import { readJournal } from '../heal/repair-store.ts';
import type { MoveName } from '../resources/playbook.ts';
import type { Database } from '../store/database.ts';
import { levelOf, trustFrom } from '../heal/trust.ts';
import { readTrackRecord } from '../heal/trust-store.ts';
import { heldAt } from './held-tenants.ts';
import type { StandingMitigation } from '../drivers/declared.ts';
import type { Control } from './control.ts';
import { runningClocks } from './breach-clocks.ts';
import { reasonToHold } from './hold.ts';
import { policyOf } from './policy.ts';

/** Over this span rates are shown. */
const RATES_MS = 5_000;
/** State that was read longer ago than this is called not fresh. */
const FRESH_MS = 6_000;

export function incidentSummary(incident: Incident) {
  const { diagnosis, detectedAt, refusal } = incident.body;
  return {
    id: incident.id,
    state: incident.state,
    outcome: incident.outcome,
    cause: diagnosis.cause,
    subject: `${diagnosis.subject.kind} ${diagnosis.subject.name}`,
    workload: diagnosis.workload,
    summary: diagnosis.summary,
    violates: clausesIn(diagnosis.evidence),
    openedAt: incident.openedAt,
    detectedAt,
    closedAt: incident.closedAt,
    refusal,
    ...(incident.body.belongsTo === undefined ? {} : { belongsTo: incident.body.belongsTo }),
  };
}

export async function statusView(control: Control, addresses: Record<string, string>) {
  const { world, lease, tracker, options } = control;
  const now = options.clock.now();
  return {
    version: options.version,
    leading: lease.current() !== undefined,
    epoch: lease.current()?.epoch ?? null,
    fresh: now - world.declaredAt < FRESH_MS,
    stops: world.declared.stops.map((each) => ({
      ...each,
      expiresAt: each.expiresAt === null ? null : toIso(each.expiresAt),
    })),
    workloads: world.view().workloads.map((workload) => ({
      name: workload.name,
      phase: workload.phase,
      targetVersion: workload.targetVersion,
      lastKnownGood: lastKnownGood(workload, -1)?.version ?? null,
      heldBy: reasonToHold(control, workload.name) ?? null,
      instances: workload.instances.map(({ id, region, ordinal, version, role, running, ready }) => {
        const child = world.child(id);
        const { pid = null, host = '', port = 0, startedAt = null, limitsEnforced = true } = child ?? {};
        return { id, region, ordinal, version, role, running, ready, pid, host, port, startedAt, limitsEnforced };
      }),
    })),
    tenants: tenantsView(control, now),
    incidents: tracker.open.map(incidentSummary),
    repairs: (await repairsView(options.database, 100)).filter((each) => each.outcome === null),
    system: world
      .children()
      .filter((child) => child.role === 'system')
      .map(({ id, pid, state, restarts, startedAt }) => ({ id, pid, state, restarts, startedAt })),
    duties: await control.duties.readOpen(),
    breachClocks: await runningClocks(control),
    addresses,
  };
}

/** A limit in a few words, with the incident that it holds something for. */
function tellLimit({ kind, store, incident, untilLifted }: StandingMitigation): string {
  const what = store === undefined ? kind : `no new rows in ${store}`;
  if (incident === undefined) return what;
  return `${what}${untilLifted === true ? ' until lifted' : ''}, for ${incident}`;
}

function tenantsView({ world, picture }: Control, now: number) {
  const felt = picture.userSignal.byTenant(now, RATES_MS);
  const fleet = world.view();
  return world.declared.tenants.map(({ metadata }) => {
    const own = felt.find((each) => each.tenant === metadata.name);
    const latency = mergeSketches(own?.sketches ?? []);
    const requests = own?.requests ?? 0;
    return {
      name: metadata.name,
      requestsPerSecond: requests / (RATES_MS / 1000),
      failedShare: requests === 0 ? 0 : (own?.failed ?? 0) / requests,
      limited: own?.limited ?? 0,
      refused: own?.refused ?? 0,
      p50Ms: quantileMs(latency, 0.5) ?? null,
      p99Ms: quantileMs(latency, 0.99) ?? null,
      mitigations: [
        ...world.declared.mitigations.filter((each) => each.tenant === metadata.name).map(tellLimit),
        ...heldAt(fleet, metadata.name),
      ],
    };
  });
}

export async function repairsView(database: Database, limit: number) {
  const rows = await database.kysely
    .selectFrom('repair')
    .innerJoin('plan', 'plan.id', 'repair.plan_id')
    .select([
      'repair.id',
      'repair.incident_id',
      'repair.target',
      'repair.outcome',
      'repair.reason',
      'repair.started_at',
      'repair.ended_at',
      'repair.plan_id',
      'plan.hash',
      'plan.body',
      'plan.approved_by',
    ])
    .orderBy('repair.started_at', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => {
    const plan = row.body as unknown as Plan;
    return {
      id: row.id,
      incident: row.incident_id,
      target: row.target,
      outcome: row.outcome,
      reason: row.reason,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      moves: plan.steps.map((step) => step.move),
      needsApproval: plan.needsApproval && row.approved_by === null,
      plan: row.plan_id,
      hash: row.hash,
    };
  });
}

/** One incident with everything that was planned and done about it. */
export async function incidentView(database: Database, incident: Incident) {
  const rows = await database.kysely
    .selectFrom('repair')
    .innerJoin('plan', 'plan.id', 'repair.plan_id')
    .select([
      'repair.id',
      'repair.target',
      'repair.outcome',
      'repair.reason',
      'repair.started_at',
      'repair.ended_at',
      'plan.hash',
      'plan.approved_by',
      'plan.body',
    ])
    .where('repair.incident_id', '=', incident.id)
    .orderBy('repair.started_at')
    .execute();
  const repairs = await Promise.all(
    rows.map(async (row) => ({
      id: row.id,
      target: row.target,
      outcome: row.outcome,
      reason: row.reason,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      hash: row.hash,
      approvedBy: row.approved_by,
      plan: row.body,
      journal: await readJournal(database, row.id),
    })),
  );
  const evidence = incident.body.diagnosis.evidence.map(({ name, reason, vantages, since, evidence: data }) => ({
    name,
    reason,
    vantages,
    since: toIso(since),
    evidence: data,
  }));
  const symptoms = symptomCounts(incident.body.diagnosis);
  const { released = [] } = incident.body;
  return { incident: { ...incidentSummary(incident), evidence, symptoms, released }, repairs };
}

/** One plan for whoever has to approve it, with a rehearsal: what its moves would call, and nothing called. */
export async function planView(database: Database, id: string, moves: ReadonlyMap<MoveName, Move>) {
  const row = await database.kysely
    .selectFrom('plan')
    .innerJoin('repair', 'repair.plan_id', 'plan.id')
    .select(['plan.body', 'plan.hash', 'repair.id as repair', 'repair.outcome'])
    .where('plan.id', '=', id)
    .executeTakeFirst();
  if (!row) return undefined;
  const plan = row.body as unknown as Plan;
  const approvedBy = approversOf(await readJournal(database, row.repair));
  const missing = row.outcome === null ? Math.max(0, approvalsNeeded(plan) - approvedBy.length) : 0;
  const { hash, repair, outcome } = row;
  return { plan, hash, repair, outcome, approvedBy, missing, rehearsal: await rehearse(plan, moves) };
}

/** How far each playbook goes without a person at this moment, and why. */
export async function trustView(control: Control) {
  const { options } = control;
  const policy = policyOf(control);
  const trust = trustFrom(await readTrackRecord(options.database), policy, options.clock.now());
  return policy.playbooks.map((playbook) => {
    const { name } = playbook.metadata;
    const shown = trust[name];
    const drilledAt = shown?.drilledAt ?? null;
    const { level, reason } = levelOf(playbook, trust, policy);
    const isDrillDue =
      policy.drillAgeMaxMs !== null && (drilledAt === null || options.clock.now() - drilledAt > policy.drillAgeMaxMs);
    return {
      playbook: name,
      level: level === 'auto' && isDrillDue ? 'approve' : level,
      reason: level === 'auto' && isDrillDue ? 'its drill is due' : reason,
      drilledAt: drilledAt === null ? null : toIso(drilledAt),
      harm: shown?.harm ?? 0,
      harmMax: policy.harmMax,
    };
  });
}
