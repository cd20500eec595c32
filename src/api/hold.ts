import { fromIso } from '../base/clock.ts';
import { printDuration } from '../base/duration.ts';
import type { BudgetAccount } from '../detect/account.ts';
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
  const rules = policy?.spec.errorBudget;
  if (rules === undefined || Object.values(rules).every((rule) => rule === 'tell')) return undefined;
  return spentBudget(control.accountsOf('objective'), workload, rules);
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
    if (series !== `tenant ${subject.name} objectives ${workload}`) continue;
    const spent = budgets.find((each) => rules[OBJECTIVES[each.counts]] === 'freeze' && isSpent(each));
    if (!spent) continue;
    const what = OBJECTIVES[spent.counts];
    const period = printDuration(spent.periodMs);
    return `the ${what} budget of tenant ${subject.name} for ${period}, which is spent (spec.errorBudget.${what} of the Policy)`;
  }
  return undefined;
}

const OBJECTIVES = { failed: 'availability', slow: 'latency' } as const;

function isSpent({ left, burns }: BudgetAccount): boolean {
  return left !== null && left <= 0 && burns.some(({ state }) => state !== 'too-quiet');
}
