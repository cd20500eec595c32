import { clausesIn } from '../diagnose/clauses.ts';
import { OwnWords } from '../evidence/own-words.ts';
import type { Incident } from '../heal/memory.ts';
import { NOTHING_TOUCHED, type Plan } from '../heal/plan.ts';
import { runningClocks } from './breach-clocks.ts';
import type { Control } from './control.ts';
import { incidentSummary, type incidentView, statusView } from './views.ts';

/** What the status tells whoever is bound to one tenant: how it is served, and the incidents that concern it. */
export async function tenantStatus(control: Control, tenant: string): Promise<Awaited<ReturnType<typeof statusView>>> {
  const whole = await statusView(control, {});
  const own = await tenantIncidents(control, control.tracker.open, tenant);
  return {
    ...whole,
    stops: whole.stops.filter(({ scope }) => scope === 'global' || scope === `tenant ${tenant}`),
    tenants: whole.tenants.filter(({ name }) => name === tenant),
    incidents: own.map(incidentSummary),
    // How the fleet is built is nobody's but its operator's.
    workloads: [],
    repairs: [],
    system: [],
    duties: [],
    breachClocks: await runningClocks(control, tenant),
  };
}

/** Those of the incidents that touched the tenant, or of which nobody can say whom they touched and that are not of another one. */
export async function tenantIncidents(
  { options, world }: Control,
  incidents: readonly Incident[],
  tenant: string,
): Promise<readonly Incident[]> {
  if (incidents.length === 0) return [];
  const words = new OwnWords(
    tenant,
    world.declared.tenants.map(({ metadata }) => metadata.name),
  );
  const plans = await options.database.kysely
    .selectFrom('plan')
    .select(['incident_id', 'body'])
    .where(
      'incident_id',
      'in',
      incidents.map(({ id }) => id),
    )
    .execute();
  const byIncident = Map.groupBy(plans, ({ incident_id }) => incident_id);
  return incidents.filter(({ id, body }) => {
    const { subject, summary, evidence } = body.diagnosis;
    const planned = (byIncident.get(id) ?? []).flatMap((row) => (row.body as unknown as Plan).steps);
    const touched = new Set([
      ...clausesIn(evidence).flatMap(({ tenants }) => tenants),
      ...planned.flatMap(({ touch }) => touch.tenants),
    ]);
    return words.concern({ tenants: touched, subject: `${subject.kind} ${subject.name}`, summary });
  });
}

type IncidentView = Awaited<ReturnType<typeof incidentView>>;

/** What a journal says to a tenant: what was done and how it ended, and nothing of the fleet. */
const TOLD = new Set(['move', 'reason', 'guard', 'result', 'outcome', 'soakMs', 'delivered', 'by']);

/** The story of an incident without the insides of the fleet: inputs of moves, instances, settings, raw evidence. */
export function withoutInsides({ incident, repairs }: IncidentView, tenant: string): object {
  const released = incident.released.filter((each) => each.tenant === tenant);
  return {
    incident: {
      ...incident,
      released,
      evidence: incident.evidence.map((each) => ({ ...each, vantages: [], evidence: {} })),
    },
    repairs: repairs.map((repair) => {
      const plan = repair.plan as unknown as Plan;
      const steps = plan.steps.map((step) => {
        const { tenants, regions, servingTakenAtOnce } = step.touch;
        const reversible = step.touch.reversible && step.input['stays'] !== true;
        const touch = { ...NOTHING_TOUCHED, tenants, regions, reversible, servingTakenAtOnce };
        return { ...step, input: {}, touch };
      });
      const journal = repair.journal.map((entry) => ({
        ...entry,
        data: Object.fromEntries(Object.entries(entry.data).filter(([name]) => TOLD.has(name))),
      }));
      return { ...repair, plan: { ...plan, steps, answers: [] }, journal };
    }),
  };
}
