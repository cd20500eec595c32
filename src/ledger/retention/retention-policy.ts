import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';
import type { Tier } from '../segment-file.ts';

/** Put into a ledger's folder by its operator. Without it nothing is ever pruned (C2SP tlog-tiles asks for a policy). */
export const RETENTION_FILE = 'retention.json';
/** HIPAA asks for six years of documentation (45 CFR 164.316(b)(2)(i)), PCI DSS for one of audit logs. */
const KEEP_DAYS = 6 * 366;
/** PCI DSS wants the last three months of audit logs at hand, and the last twelve available. */
const HOT_DAYS = 90;
const WARM_DAYS = 366;
const DAY_MS = 24 * 3_600_000;

const retentionSchema = z
  .strictObject({
    /** For so long entries lie as they were written; from then on they are compressed. */
    hotDays: z.int().min(0).default(HOT_DAYS),
    /** From then on they are compressed as far as it goes. */
    warmDays: z.int().min(0).default(WARM_DAYS),
    /** For how long entries are kept of which `types` says nothing. */
    keepDays: z.int().min(1).default(KEEP_DAYS),
    /** The same for types that begin so: `{ "request.": 400 }`. The longest beginning counts. */
    types: z.record(z.string().min(1), z.int().min(1)).default({}),
  })
  .refine(({ hotDays, warmDays }) => hotDays <= warmDays, {
    error: 'hotDays is not more than warmDays',
    path: ['hotDays'],
  });

export type RetentionPolicy = z.infer<typeof retentionSchema>;

/** The policy in a ledger's folder, undefined where there is none. Throws `request.invalid` when it cannot be used. */
export function readRetention(dir: string): RetentionPolicy | undefined {
  const path = join(dir, RETENTION_FILE);
  try {
    const found = readJsonFile(path);
    return found === undefined ? undefined : retentionSchema.parse(found);
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is not JSON';
    throw new KinError('request.invalid', `${path}: ${reason}`, { cause, details: { path } });
  }
}

/** How long an entry of a type is kept, in milliseconds. */
export function keepMs({ keepDays, types }: RetentionPolicy, type: string): number {
  const [prefix] = Object.keys(types)
    .filter((each) => type.startsWith(each))
    .toSorted((a, b) => b.length - a.length);
  return (prefix === undefined ? keepDays : types[prefix]!) * DAY_MS;
}

/** For how many days what goes first is kept; null where nothing ever goes. */
export function shortestKeepDays(policy: RetentionPolicy | undefined): number | null {
  return policy ? Math.min(policy.keepDays, ...Object.values(policy.types)) : null;
}

/** The tier of entries of an age; without a policy, by the times that it has when it says nothing. An age that is none is young. */
export function tierOf(policy: Pick<RetentionPolicy, 'hotDays' | 'warmDays'> | undefined, ageMs: number): Tier {
  const { hotDays, warmDays } = policy ?? { hotDays: HOT_DAYS, warmDays: WARM_DAYS };
  if (!(ageMs >= hotDays * DAY_MS)) return 'hot';
  return ageMs >= warmDays * DAY_MS ? 'cold' : 'warm';
}
