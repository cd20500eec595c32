import type { FactName } from '../resources/fact-kinds.ts';
import type { TenantLaw } from './breach/duties.ts';

/**
 * The numbers that the law of a tenant and its contract name in checks of this fact, in ascending order: `[15]` for an idle
 * limit of 15 minutes. A collector that has to wait for an effect learns from it how long. None when nothing asks for the fact.
 */
export function demandedOf({ frameworks, contract }: TenantLaw, fact: FactName): readonly number[] {
  const numbers = frameworks.flatMap(({ controls }) =>
    controls.flatMap(({ id, checks, parameters }) =>
      checks.flatMap((check) => {
        if (check.fact !== fact) return [];
        const named = Object.keys(parameters).filter((name) => new RegExp(`\\b${name}\\b`).test(check.holds));
        return named.map((name) => Number(contract[id]?.[name] ?? parameters[name]?.value));
      }),
    ),
  );
  return [...new Set(numbers)].filter(Number.isFinite).toSorted((a, b) => a - b);
}
