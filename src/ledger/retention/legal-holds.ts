import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile, writeDurably } from '../../base/durable-file.ts';
import { KinError } from '../../base/errors.ts';

const HOLDS_FILE = 'holds.json';

export const holdSchema = z.strictObject({
  /** Chosen by who sets it: a case number, a name. */
  id: z.string().min(1).max(100),
  reason: z.string().min(1).max(500),
  by: z.string().min(1).max(100),
  at: z.iso.datetime(),
  /** Left out, everything is held. */
  tenant: z.string().min(1).optional(),
});

/** A legal hold: while it stands, nothing that it covers is pruned, however old it is, nor erased, whoever approved that. */
export type LegalHold = z.infer<typeof holdSchema>;

/**
 * Any hold that stands. With `kid` it is on one person of the tenant; then all of the tenant is kept from pruning, since
 * nobody can tell whose an entry is.
 */
export interface StandingHold extends LegalHold {
  readonly kid?: string;
}

/** The holds that stand. Throws `state.corrupt` when that cannot be told: then nothing may be pruned. */
export function readHolds(dir: string): readonly LegalHold[] {
  const path = join(dir, HOLDS_FILE);
  try {
    return z.array(holdSchema).parse(readJsonFile(path) ?? []);
  } catch (cause) {
    throw new KinError('state.corrupt', `cannot read the holds in ${path}`, { cause, details: { path } });
  }
}

/** Stands when this returns; the same id again changes nothing. Throws `state.unwritable` or `state.corrupt`. */
export function setHold(dir: string, hold: LegalHold): void {
  const standing = readHolds(dir);
  if (standing.some(({ id }) => id === hold.id)) return;
  writeDurably(join(dir, HOLDS_FILE), JSON.stringify([...standing, hold]));
}

/** Throws `resource.unknown` when no hold has the id. */
export function liftHold(dir: string, id: string): void {
  const standing = readHolds(dir);
  const left = standing.filter((hold) => hold.id !== id);
  if (left.length === standing.length) throw new KinError('resource.unknown', `no hold is called ${id}`);
  writeDurably(join(dir, HOLDS_FILE), JSON.stringify(left));
}

/** Whether a hold keeps an entry of a tenant, or of none, from being pruned. */
export function isHeld(holds: readonly Pick<LegalHold, 'tenant'>[], tenant: string | undefined): boolean {
  return holds.some((hold) => hold.tenant === undefined || hold.tenant === tenant);
}

/** The holds that keep the data of a person of a tenant from being erased. */
export function holdsOnPerson(holds: readonly StandingHold[], tenant: string, kid: string): readonly StandingHold[] {
  return holds.filter((hold) => (hold.kid === undefined ? isHeld([hold], tenant) : hold.kid === kid));
}
