import type { Symptom } from '../detect/symptom.ts';
import type { Suspect } from './diagnosis.ts';
import { type FleetView, type InstanceView, settingOf, workloadOf } from './fleet-view.ts';
import { isPutBack, settingSuspects } from './setting-suspects.ts';
import type { Trouble } from './trouble.ts';

const SCORE_MIN = 0.5;
/** Who ends so soon ends of how it was started. */
const YOUNG_MS = 30_000;

/**
 * Settings that were changed after the last of its well siblings started and before it did: what only those show who
 * started since, is what they started with.
 */
export function startedInto(
  instance: InstanceView,
  main: readonly Symptom[],
  sick: ReadonlySet<string>,
  fleet: FleetView,
): readonly Suspect[] {
  const [{ name, evidence }] = main as [Symptom];
  const isOfStart = name === 'start-failed' || (name === 'exited' && Number(evidence['livedMs']) < YOUNG_MS);
  const siblings = workloadOf(fleet, instance.workload)?.instances ?? [];
  const wellSince = Math.max(
    0,
    ...siblings.filter((each) => !sick.has(each.id) && each.ready).map((each) => each.startedAt),
  );
  const trouble: Trouble = {
    origins: new Set([instance.workload]),
    callers: new Set(),
    onset: Math.min(...main.map(({ since }) => since)),
    symptoms: main,
    shape:
      name === 'start-failed' ? 'start' : name === 'exited' ? 'crash' : name === 'instance-slow' ? 'slow' : 'errors',
    errors: {},
    tenants: null,
    instances: [instance.id],
    load: 1,
  };
  return settingSuspects(trouble, fleet).filter(({ subject, score }) => {
    const setting = subject.kind === 'setting' ? settingOf(fleet, subject.name) : undefined;
    if (!setting || score < SCORE_MIN || isPutBack(setting)) return false;
    const at = setting.history.findLast((each) => each.at <= trouble.onset)?.at ?? 0;
    return (
      (isOfStart || (setting.needsRestart && name !== 'exited')) &&
      at > wellSince &&
      (isOfStart || at <= instance.startedAt)
    );
  });
}
