import { z } from 'zod';
import { KinError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { systemRandom } from '../base/random.ts';
import type { Custody } from './custody.ts';
import type { RecordedEvent } from './entry.ts';
import type { EntryStore } from './entry-store.ts';
import type { Eraser } from './eraser.ts';
import type { HoldDesk } from './retention/hold-desk.ts';

const name = z.string().min(1).max(512);
const by = z.string().min(1).max(200);
const reason = z.string().min(1).max(500);
const tenant = z.string().min(1).max(253);
const eraseSchema = z.strictObject({ tenant, subject: name, legalBasis: reason, by });
const approveSchema = z.strictObject({ request: by, by });
const withdrawSchema = z.strictObject({ request: by, by, reason });
const holdSchema = z.strictObject({ tenant, subject: name, by, reason });
const releaseSchema = z.strictObject({ hold: by, by, reason });
const rotateSchema = z.strictObject({ by });
const revealSchema = z.strictObject({ index: z.int().min(0), by, reason });

/** What one role of one entry says, in the clear; null for what was erased. */
export interface Revealed {
  readonly role: string;
  readonly data: unknown;
}

/** What can be asked about people, by its path. Bodies are parsed here; each rejects with `request.invalid` for others. */
export function subjectRoutes(
  custody: Custody,
  eraser: Eraser,
  desk: HoldDesk,
  store: Pick<EntryStore, 'read' | 'payloadsOf'>,
): ReadonlyMap<string, (body: unknown) => unknown> {
  return new Map<string, (body: unknown) => unknown>([
    ['/v1/subjects/erase', (body) => eraser.request(parse(eraseSchema, body))],
    [
      '/v1/subjects/approve',
      (body) => {
        const asked = parse(approveSchema, body);
        return eraser.approve(asked.request, asked.by);
      },
    ],
    [
      '/v1/subjects/withdraw',
      (body) => {
        const asked = parse(withdrawSchema, body);
        return eraser.withdraw(asked.request, asked.by, asked.reason);
      },
    ],
    ['/v1/subjects/hold', (body) => eraser.hold(parse(holdSchema, body))],
    [
      '/v1/subjects/release',
      async (body) => {
        const asked = parse(releaseSchema, body);
        return desk.lift({ id: asked.hold, by: asked.by, reason: asked.reason });
      },
    ],
    ['/v1/subjects/rotate', (body) => custody.rotate({ kind: 'operator', name: parse(rotateSchema, body).by })],
    ['/v1/subjects/reveal', (body) => reveal(custody, store, parse(revealSchema, body))],
    [
      '/v1/subjects/show',
      () => {
        const { epoch, epochStartedAt, size, damaged } = custody.vault;
        return {
          erasures: eraser.erasures,
          holds: desk.standing(),
          vault: { epoch, epochStartedAt, keys: size, damaged },
        };
      },
    ],
  ]);
}

/** Reading personal data out of the record is itself on record, before anything is told. */
async function reveal(
  custody: Custody,
  store: Pick<EntryStore, 'read' | 'payloadsOf'>,
  { index, by, reason }: z.output<typeof revealSchema>,
): Promise<{ readonly id: string; readonly personal: readonly Revealed[] }> {
  const { vault } = custody;
  const [bytes] = await store.read(index, 1);
  if (!bytes) throw new KinError('resource.unknown', `there is no entry ${index}`);
  const { id, tenant, pd = [] } = JSON.parse(bytes.toString('utf8')) as RecordedEvent;
  const actor = { kind: 'operator', name: by } as const;
  const about = { subject: `Entry/${index}`, tenant, data: { entry: index, reason } };
  await custody.record({ id: newId('evt', systemRandom), type: 'payload.revealed', actor, ...about });
  const payloads = await store.payloadsOf(index);
  const personal: Revealed[] = [];
  for (const [at, { k, r }] of pd.entries()) {
    const payload = payloads[at];
    const text = payload?.kind === 'kept' ? await vault.open(k, id, r, payload.bytes) : undefined;
    personal.push({ role: r, data: text === undefined ? null : (JSON.parse(text) as unknown) });
  }
  return { id, personal };
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new KinError('request.invalid', z.prettifyError(parsed.error));
}
