import type { Framework } from '../../resources/profile.ts';
import type { ParameterValue } from '../../resources/cel.ts';
import type { Control } from '../../resources/control.ts';
import type { ClockStart, Loss } from '../../resources/notice.ts';
import { timeOf } from '../../resources/time-unit.ts';

/** A notice that one tenant's law asks for, with the numbers that held for it when the loss was detected. */
export interface Duty {
  readonly tenant: string;
  readonly framework: string;
  /** Id of the control that asks for it. */
  readonly control: string;
  readonly clause: string;
  readonly title: string;
  readonly to: string;
  readonly limits: readonly Limit[];
}

export interface Limit {
  readonly ms: number;
  readonly from: ClockStart;
  /** The control whose notice it follows. */
  readonly of: string | null;
  /** `in-force`, `proposed`, `contract` or `policy-default`. */
  readonly status: string;
  readonly source: string;
}

/** A tenant's law: its frameworks, and the numbers that its contract tightens, by control. */
export interface TenantLaw {
  readonly tenant: string;
  readonly frameworks: readonly Pick<Framework, 'name' | 'controls'>[];
  readonly contract: Readonly<Record<string, Readonly<Record<string, ParameterValue>>>>;
}

/** The notices that the law of a tenant may ask for after such a loss. Which of them are sent, a person decides. */
export function dutiesAfter(loss: Loss, { tenant, frameworks, contract }: TenantLaw): readonly Duty[] {
  return frameworks.flatMap(({ name: framework, controls }) =>
    controls.flatMap((control): readonly Duty[] => {
      const { id, clause, title, notice } = control;
      if (!notice?.losses.includes(loss)) return [];
      const limits = notice.due.map((due) => limitOf(due, control, contract[id]));
      return [{ tenant, framework, control: id, clause, title, to: notice.to, limits }];
    }),
  );
}

type Due = NonNullable<Control['notice']>['due'][number];

function limitOf(
  { parameter, from, of }: Due,
  { parameters }: Pick<Control, 'parameters'>,
  agreed: Readonly<Record<string, ParameterValue>> | undefined,
): Limit {
  const lawful = parameters[parameter];
  if (!lawful) throw new RangeError(`a notice without its parameter ${parameter}`);
  const ms = timeOf(agreed?.[parameter] ?? lawful.value, lawful.unit);
  if (ms === undefined) throw new RangeError(`${parameter} is no time`);
  const isAgreed = agreed?.[parameter] !== undefined && agreed[parameter] !== lawful.value;
  return { ms, from, of: of ?? null, status: isAgreed ? 'contract' : lawful.status, source: lawful.source };
}
