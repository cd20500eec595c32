import { fromIso } from '../base/clock.ts';
import { printDuration } from '../base/duration.ts';
import type { Account, BudgetAccount } from '../detect/account.ts';
import type { DeclaredWorkload } from '../drivers/declared.ts';
import type { Policy } from '../resources/policy.ts';
import type { Control } from './control.ts';

/** Why nothing new is rolled out for a workload now. */
export function reasonToHold(control: Control, workload: string): string | undefined {
  const { world, tracker, options } = control;
  const { stops, freezes, policy } = world.declared;
  const stop = stops.find((each) => each.scope === 'global' || each.scope === `workload ${workload}`);
  if (stop) return `stopped by ${stop.by}: ${stop.reason}`;
  const now = options.clock.now();
  const freeze = freezes.find(
    ({ spec }) =>
      fromIso(spec.from) <= now &&
      now < fromIso(spec.until) &&
      (spec.workloads.length === 0 || spec.workloads.includes(workload)),
  );
  if (freeze) return `freeze ${freeze.metadata.name}: ${freeze.spec.reason}`;
  const incident = tracker.open.find((each) => each.body.diagnosis.workload === workload);
  if (incident) return `incident ${incident.id} is open`;
  const declared = world.workload(workload);
  const doubt = declared && doubtedRelease(() => control.accountsOf('version'), declared);
  if (doubt) return doubt;
  const rules = policy?.spec.errorBudget;
  if (rules === undefined || Object.values(rules).every((rule) => rule === 'tell')) return undefined;
  return spentBudget(control.accountsOf('objective'), workload, rules);
}

/**
 * Why a version that is on its way is given to nobody else yet, and not trusted: its first requests fail, and those of
 * the version before do not. They may be too few to go back from it; a canary that gateways keep requests from, because it
 * fails, has only few, and time alone says nothing for it.
 */
export function doubtedRelease(
  accounts: () => readonly Account[],
  { name, phase, targetVersion }: Pick<DeclaredWorkload, 'name' | 'phase' | 'targetVersion'>,
): string | undefined {
  if (phase === 'steady' || phase === 'initial') return undefined;
  const releases = accounts().flatMap(({ release }) => release ?? []);
  const own = releases.find(({ workload, version }) => workload === name && version === targetVersion);
  return own?.isDoubted ? own.summary : undefined;
}

type BudgetRules = Policy['spec']['errorBudget'];

/**
 * Which spent budget of a tenant keeps releases of a workload back, by what the policy says about its kind of objective;
 * undefined when none does. A budget of so few requests that no window says anything is not spent.
 */
export function spentBudget(
  accounts: ReturnType<Control['accountsOf']>,
  workload: string,
  rules: BudgetRules,
): string | undefined {
  for (const { subject, series, budgets } of accounts) {
    const own = `tenant ${subject.name} objectives ${workload}`;
    // Those of a class of routes have its name behind it.
    if (series !== own && !series.startsWith(`${own} `)) continue;
    const routeClass = series === own ? '' : ` (${series.slice(own.length + 1)})`;
    const spent = budgets.find((each) => rules[OBJECTIVES[each.counts]] === 'freeze' && isSpent(each));
    if (!spent) continue;
    const what = OBJECTIVES[spent.counts];
    const period = printDuration(spent.periodMs);
    return `the ${what} budget of tenant ${subject.name}${routeClass} for ${period}, which is spent (spec.errorBudget.${what} of the Policy)`;
  }
  return undefined;
}

const OBJECTIVES = { failed: 'availability', slow: 'latency' } as const;

function isSpent({ left, burns }: BudgetAccount): boolean {
  return left !== null && left <= 0 && burns.some(({ state }) => state !== 'too-quiet');
}
