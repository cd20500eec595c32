import { compare, gte, lt, lte, valid } from 'semver';
import { z } from 'zod';
import { type Clock, fromIso } from '../base/clock.ts';

const eventSchema = z.object({
  introduced: z.string().optional(),
  fixed: z.string().optional(),
  last_affected: z.string().optional(),
});

/**
 * What is read of an advisory in the Open Source Vulnerability format (OSV 1.x, https://ossf.github.io/osv-schema/), as the
 * GitHub Advisory Database gives it away. What else an advisory holds is passed over.
 */
export const advisorySchema = z.object({
  id: z.string().min(1).max(200),
  modified: z.iso.datetime({ offset: true }),
  published: z.iso.datetime({ offset: true }),
  withdrawn: z.iso.datetime({ offset: true }).optional(),
  affected: z
    .array(
      z.object({
        package: z.object({ ecosystem: z.string(), name: z.string() }).optional(),
        ranges: z.array(z.object({ type: z.string(), events: z.array(eventSchema).max(1_000) })).default([]),
        versions: z.array(z.string()).default([]),
      }),
    )
    .default([]),
  /** Where GitHub puts its ranking. Without one an advisory is neither critical nor high here. */
  database_specific: z.object({ severity: z.string().optional() }).optional(),
});

export type Advisory = z.output<typeof advisorySchema>;
export type Severity = 'critical' | 'high' | 'other';

const DAY_MS = 86_400_000;

export function severityOf({ database_specific }: Advisory): Severity {
  const told = database_specific?.severity?.toLowerCase();
  return told === 'critical' || told === 'high' ? told : 'other';
}

/** How long it has been known, in days. */
export function ageDaysOf({ published }: Pick<Advisory, 'published'>, clock: Clock): number {
  return Math.max(0, clock.now() - fromIso(published)) / DAY_MS;
}

/** Whether it concerns a version of an npm package. One that is withdrawn concerns nobody. */
export function affects(advisory: Advisory, component: { readonly name: string; readonly version: string }): boolean {
  if (advisory.withdrawn !== undefined || valid(component.version) === null) return false;
  return advisory.affected.some(({ package: named, ranges, versions }) => {
    if (named?.ecosystem !== 'npm' || named.name !== component.name) return false;
    return (
      versions.includes(component.version) ||
      ranges.some(({ type, events }) => type === 'SEMVER' && isIn(events, component.version))
    );
  });
}

type Event = z.output<typeof eventSchema>;

/** Events in the order of their versions; each `introduced` opens a span that the next `fixed` or `last_affected` ends. */
function isIn(events: readonly Event[], version: string): boolean {
  const ordered = events.toSorted((a, b) => compare(boundOf(a), boundOf(b)));
  let isAffected = false;
  for (const { introduced, fixed, last_affected } of ordered) {
    if (introduced !== undefined && gte(version, atLeast(introduced))) isAffected = true;
    if (fixed !== undefined && !lt(version, atLeast(fixed))) isAffected = false;
    if (last_affected !== undefined && !lte(version, atLeast(last_affected))) isAffected = false;
  }
  return isAffected;
}

function boundOf({ introduced, fixed, last_affected }: Event): string {
  return atLeast(introduced ?? fixed ?? last_affected ?? '0');
}

/** OSV writes `0` for the beginning, and versions without all their parts. */
function atLeast(version: string): string {
  if (valid(version) !== null) return version;
  const [major = '0', minor = '0', patch = '0'] = version.split('.');
  return valid(`${major}.${minor}.${patch}`) ?? '0.0.0';
}
