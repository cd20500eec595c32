import { newId } from '../base/ids.ts';
import { applyChanges, type Symptoms, withoutStale } from '../detect/symptoms.ts';
import { refuseIncident } from '../heal/incident-store.ts';
import type { Incident } from '../heal/incident-store.ts';
import { readBudgets } from '../heal/budgets.ts';
import type { Refusal } from '../heal/plan.ts';
import { readPastRepairs } from '../heal/repair-store.ts';
import type { Stages } from '../loop.ts';
import type { Sample } from '../observe/sample.ts';
import { fencedTransaction } from '../store/lease.ts';
import type { Control } from './control.ts';
import { policyOf, surroundings } from './judgement.ts';
import type { Waker } from './waker.ts';

/** After a refusal the same incident is decided again at this rhythm: what stood against it may have gone. */
const DECIDE_AGAIN_MS = 500;
/** An incident for which a person was called is not planned for again. */
const CALLED = new Set(['escalated', 'stuck']);

/** The stages of the loop on the real world. */
export function createStages(given: { readonly control: Control; readonly samples: Sample[]; readonly waker: Waker }): {
  readonly stages: Stages;
  symptoms(): Symptoms;
} {
  const { control, samples, waker } = given;
  const { options, world, lease, tracker, desk, converger, record } = control;
  const { clock, random, database } = options;
  const detectors = options.createDetectors(
    (tenant) => world.declared.tenants.find((each) => each.metadata.name === tenant)?.spec.objectives.availability,
  );
  let symptoms: Symptoms = new Map();
  const refusedAt = new Map<string, { at: number; reasons: string }>();

  const stages: Stages = {
    woken: (signal) => waker.woken(signal),
    observe: () => samples.splice(0),
    detect(readings) {
      const changes = readings.flatMap((sample) => detectors.flatMap((detector) => detector.feed(sample)));
      symptoms = withoutStale(applyChanges(symptoms, changes), clock.now());
      return symptoms;
    },
    leading: () => lease.current()?.epoch,
    async look() {
      if (world.declaredAt === 0) await control.refresh();
      return world.view();
    },
    async track(diagnoses) {
      await desk.expire();
      return tracker.track(diagnoses, (incident) => desk.isRepairing(incident));
    },
    async situate(incident) {
      if (desk.isRepairing(incident.id) || (incident.outcome !== null && CALLED.has(incident.outcome)))
        return undefined;
      if (clock.now() - (refusedAt.get(incident.id)?.at ?? 0) < DECIDE_AGAIN_MS) return undefined;
      const { diagnosis } = incident.body;
      if (diagnosis.workload !== null && converger.isBusy(diagnosis.workload)) return undefined;
      const scope = diagnosis.workload === null ? `tenant ${diagnosis.subject.name}` : `workload ${diagnosis.workload}`;
      const [repairs, budgets] = await Promise.all([
        readPastRepairs(database),
        readBudgets(database, ['global', scope]),
      ]);
      const planId = newId('pln', random);
      const situation = { ...surroundings(), incident: incident.id, diagnosis, planId, repairs };
      return { situation, budgets, policy: policyOf(control) };
    },
    repair: (plan) => desk.begin(plan, control.leadership()),
    async refuse(incident: Incident, refusal: Refusal) {
      const denied = refusal.verdicts.filter((verdict) => verdict.kind === 'deny');
      const reasons = denied.map(({ guard }) => guard).join(' ');
      const same = refusedAt.get(incident.id)?.reasons === reasons;
      refusedAt.set(incident.id, { at: clock.now(), reasons });
      if (same) return;
      const data = {
        target: refusal.target,
        guards: denied.map(({ guard, reason, remedy }) => ({ guard, reason, remedy })),
      };
      await fencedTransaction(database, lease, (tx) => refuseIncident(tx, incident, data, record));
      tracker.invalidate();
    },
    converge() {
      const epoch = lease.current()?.epoch;
      if (epoch !== undefined) converger.look(epoch, control.leadership());
    },
  };
  return { stages, symptoms: () => symptoms };
}
