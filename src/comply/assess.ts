import type { Fact, FactValue, Measured } from '../observe/fact.ts';
import type { Check, Control } from '../resources/control.ts';
import { FACT_KINDS, type FactType } from '../resources/fact-kinds.ts';
import { type FactBook, staleAt } from './fact-book.ts';

/** OSCAL knows the first two; there is no fourth. */
export type Status = 'satisfied' | 'not-satisfied' | 'unknown';

/** What a check may ask of a tenant; what it did not declare is absent. */
export interface TenantTerms {
  readonly name: string;
  readonly regions: readonly string[];
  readonly processors: readonly string[];
  readonly dataClasses: readonly string[];
  readonly availability: number;
  readonly rtoMs?: number | undefined;
  readonly rpoMs?: number | undefined;
}

/** How one subject stands by one check, or why the check says nothing: then there is no subject. */
export interface Reason {
  readonly status: Status;
  readonly fact: Check['fact'];
  readonly subject: string | null;
  /** One sentence for people. */
  readonly text: string;
  readonly measuredAt: number | null;
  readonly collector: string | null;
  readonly evidence: string | null;
}

/** A control for one tenant: the result, and what it stands on. */
export interface Assessed {
  readonly status: Status;
  readonly reasons: readonly Reason[];
}

/** What an expression sees. `value` is written before each judgement: one place for all of them, made once. */
export interface CheckContext extends Record<string, unknown> {
  value: unknown;
}

/**
 * Judges a control for a tenant: satisfied when every check holds for every subject that bears on the tenant, not satisfied
 * when one is known not to hold, unknown otherwise. A fact that is missing or stale, a value of the wrong type and an
 * expression that fails are unknown, never a pass. Without a check a person decides, and nothing is known of that.
 */
function statusOf(control: Control, context: CheckContext, tenant: string, book: FactBook, now: number): Status {
  let status: Status = control.checks.length === 0 ? 'unknown' : 'satisfied';
  for (const check of control.checks) {
    const own = book.own(check.fact, tenant);
    const shared = book.shared(check.fact);
    if (own.length + shared.length === 0) status = 'unknown';
    for (const facts of [own, shared]) {
      for (const fact of facts) {
        const one = statusOfFact(check, fact, context, now);
        if (one === 'not-satisfied') return one;
        if (one === 'unknown') status = one;
      }
    }
  }
  return status;
}

/** The same with everything that it stands on, for people and for evidence. */
export function assess(control: Control, context: CheckContext, tenant: string, book: FactBook, now: number): Assessed {
  const status = statusOf(control, context, tenant, book, now);
  const reasons = control.checks.flatMap((check): readonly Reason[] => {
    const facts = [...book.own(check.fact, tenant), ...book.shared(check.fact)];
    return facts.length === 0
      ? [nothingOf(check, book)]
      : facts.map((fact) => reasonOf(check, fact, control, context, now));
  });
  return { status, reasons };
}

/** How a fact alone stands by all checks of a control that ask for it. */
export function statusBy({ checks }: Control, fact: Fact, context: CheckContext, at: number): Status {
  const all = checks.filter((check) => check.fact === fact.name);
  const each = all.map((check) => statusOfFact(check, fact, context, at));
  return each.find((one) => one === 'not-satisfied') ?? each.find((one) => one === 'unknown') ?? 'satisfied';
}

/** How one fact stands by one check. */
export function statusOfFact(
  check: Check,
  { name, measured, measuredAt }: Fact,
  context: CheckContext,
  now: number,
): Status {
  if (measured.kind === 'unknown' || measuredAt + FACT_KINDS[name].freshMs <= now) return 'unknown';
  if (!isOf(FACT_KINDS[name].type, measured.value)) return 'unknown';
  try {
    context.value = measured.value;
    return check.test(context) ? 'satisfied' : 'not-satisfied';
  } catch {
    return 'unknown';
  }
}

/** Whether a value is what its kind promises; a number that is none would make every comparison false. */
function isOf(type: FactType, value: unknown): boolean {
  if (type === 'texts') return Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value);
  return typeof value === (type === 'text' ? 'string' : 'boolean');
}

function nothingOf({ fact }: Check, book: FactBook): Reason {
  const text = `${fact} is not known: ${book.whyMissing(fact)}`;
  return { status: 'unknown', fact, subject: null, text, measuredAt: null, collector: null, evidence: null };
}

function reasonOf(check: Check, fact: Fact, control: Control, context: CheckContext, now: number): Reason {
  const { name, subject, measuredAt, collector, evidence } = fact;
  const status = statusOfFact(check, fact, context, now);
  const text = textOf(check, fact, status, control, context, now);
  return { status, fact: name, subject, text, measuredAt, collector, evidence };
}

/** What is said of a fact that is true or false reads as a value. */
function wanted(holds: string): string {
  return holds === 'value' ? 'true' : holds === '!value' ? 'false' : holds;
}

function textOf(
  check: Check,
  fact: Fact,
  status: Status,
  control: Control,
  context: CheckContext,
  now: number,
): string {
  const { name, subject, measured } = fact;
  const { of, unit } = FACT_KINDS[name];
  const what = `${name} of ${of} ${subject}`;
  if (measured.kind === 'unknown') return `${what} is not known: ${measured.reason}`;
  const value = tellValue(measured.value);
  if (staleAt(fact) <= now) return `${what} was ${value} and is too old to count`;
  const asked = Object.keys(control.parameters).filter((each) => new RegExp(`\\b${each}\\b`).test(check.holds));
  const given = asked.map((each) => `${each} = ${String(context[each])} ${control.parameters[each]?.unit}`).join(', ');
  const rule = `${wanted(check.holds)}${given === '' ? '' : ` with ${given}`}`;
  if (status === 'unknown') return `${what} is ${value}, and the check fails to judge it: ${rule}`;
  return `${what} is ${value} (${unit})${detailOf(measured)}; asked for: ${rule}`;
}

/** As people read it: numbers that are not whole to six digits, which is finer than any threshold. */
export function tellValue(value: FactValue): string {
  if (Array.isArray(value)) return value.join(', ') || 'none';
  const isRough = typeof value === 'number' && !Number.isInteger(value);
  return String(isRough ? Number(value.toPrecision(6)) : value);
}

/** What was found where, to stand behind a value: `: node (pid 12) listens on 0.0.0.0:9999`. */
export function detailOf(measured: Measured): string {
  return measured.kind === 'value' && measured.detail !== undefined ? `: ${measured.detail}` : '';
}
