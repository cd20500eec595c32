import { victimsIn } from './changes.ts';
import type { Diagnosis } from './diagnosis.ts';
import { assetOf, workloadOf } from './fleet-view.ts';
import { accuse, type Rule, type Scene } from './scene.ts';
import { type Trouble, troublesOf } from './trouble.ts';

const RIPE_AFTER_MS = 3_000;

/** What others run for us and fails: there is nothing to heal in it, only to be told and waited for. */
export const dependencies: Rule = (scene) => {
  for (const trouble of troublesOf(scene)) {
    const [origin] = trouble.origins;
    if (origin === undefined || !isOfOthers(origin, scene)) continue;
    if (scene.fleet.at - trouble.onset < RIPE_AFTER_MS) continue;
    return accusationOf(origin, trouble, scene);
  }
  return undefined;
};

function isOfOthers(name: string, { fleet }: Scene): boolean {
  const workload = workloadOf(fleet, name);
  if (workload) return workload.external;
  const asset = assetOf(fleet, name);
  return asset === undefined || asset.kind === 'service';
}

function accusationOf(origin: string, trouble: Trouble, scene: Scene): Diagnosis {
  const isWorkload = workloadOf(scene.fleet, origin) !== undefined || !origin.includes(' ');
  const subject = { kind: isWorkload ? 'workload' : 'asset', name: origin } as const;
  const [caller] = trouble.callers;
  const summary = `${origin}, which is not ours, fails: ${trouble.symptoms[0]!.reason}`;
  const accused = { cause: 'dependency' as const, subject, workload: caller ?? null, summary };
  return accuse(accused, trouble.symptoms, victimsIn(trouble, scene));
}
