import type { ParameterValue } from './cel.ts';
import type { Parameter } from './control.ts';
import type { Complaint } from './manifest-document.ts';
import type { Profile } from './profile.ts';
import { suggestion } from './schema-issue.ts';
import type { Tenant } from './tenant.ts';

/**
 * What is wrong with the thresholds that a tenant agreed on: a control that none of its profiles has, a parameter that the
 * control does not have, a value of another type, and a number that would loosen the law. A profile that is not among
 * `profiles` is declared elsewhere; what it might hold cannot be judged here, and is where it is applied.
 */
export function checkContract(tenant: Tenant, profiles: readonly Profile[]): readonly Complaint[] {
  const own = profiles.filter(({ metadata }) => tenant.spec.profiles.includes(metadata.name));
  const isWhole = tenant.spec.profiles.every((name) => own.some(({ metadata }) => metadata.name === name));
  const controls = new Map(own.flatMap(({ spec }) => spec.controls.map((control) => [control.id, control])));
  return tenant.spec.contract.flatMap(({ control: id, parameter: name, value }, index): readonly Complaint[] => {
    const at = (field: string) => ['spec', 'contract', index, field];
    const control = controls.get(id);
    if (!control) {
      if (!isWhole) return [];
      const message = `no profile of the tenant has a control ${id}${suggestion(id, controls.keys())}`;
      return [{ path: at('control'), message }];
    }
    const parameter = Object.hasOwn(control.parameters, name) ? control.parameters[name] : undefined;
    if (!parameter) {
      const names = Object.keys(control.parameters);
      const has = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      return [{ path: at('parameter'), message: `${id} has no parameter ${name}; ${has}` }];
    }
    const message = whyNot(parameter, value);
    return message === undefined ? [] : [{ path: at('value'), message: `${message} (${control.clause}, ${id})` }];
  });
}

/** The thresholds of the tenant by control, as far as they are lawful: what loosens the law is not applied. */
export function contractOf(
  tenant: Tenant,
  profiles: readonly Profile[],
): Readonly<Record<string, Readonly<Record<string, ParameterValue>>>> {
  const refused = new Set(checkContract(tenant, profiles).map(({ path }) => path[2]));
  const agreed: Record<string, Record<string, ParameterValue>> = {};
  for (const [index, { control, parameter, value }] of tenant.spec.contract.entries()) {
    if (!refused.has(index)) agreed[control] = { ...agreed[control], [parameter]: value };
  }
  return agreed;
}

function whyNot(parameter: Parameter, value: ParameterValue): string | undefined {
  const { value: lawful, tighter, unit, status } = parameter;
  if (typeof value !== typeof lawful) return `must be ${typeof lawful === 'number' ? 'a number' : 'a list of texts'}`;
  if (tighter === 'fixed') return `cannot be set: it is ${shown(lawful)} ${unit}`;
  if (status !== 'in-force' || isAsTight(lawful, value, tighter)) return undefined;
  const way = { lower: 'at most', higher: 'at least', fewer: 'nothing but' }[tighter];
  return `would loosen the law: it must be ${way} ${shown(lawful)} ${unit}`;
}

function isAsTight(lawful: ParameterValue, value: ParameterValue, tighter: 'lower' | 'higher' | 'fewer'): boolean {
  if (typeof lawful === 'number') return tighter === 'lower' ? Number(value) <= lawful : Number(value) >= lawful;
  return typeof value !== 'number' && value.every((each) => lawful.includes(each));
}

function shown(value: ParameterValue): string {
  return typeof value === 'number' ? String(value) : value.join(', ');
}
