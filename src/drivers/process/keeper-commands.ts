import { z } from 'zod';
import { KinError } from '../../base/errors.ts';
import type { EpochCommand, SignalCommand, StartCommand, StopCommand, StopOrder } from './protocol.ts';

const epochSchema = z.int().min(0);
const reasonSchema = z.string().max(1_000);

export const startCommandSchema = z.strictObject({
  epoch: epochSchema,
  workload: z.string().min(1).max(253),
  version: z.int().min(0),
  region: z.string().min(1).max(253),
  host: z.string().min(1).max(253),
  port: z.int().min(0).max(65_535),
  spec: z.strictObject({
    command: z.array(z.string()).min(1),
    cwd: z.string().min(1),
    env: z.record(z.string(), z.string()),
    limits: z.strictObject({
      memoryMiB: z.number().positive().exactOptional(),
      cpus: z.number().positive().exactOptional(),
      pids: z.int().positive().exactOptional(),
    }),
  }),
  artefact: z.strictObject({ path: z.string().min(1), digest: z.string().min(1) }),
}) satisfies z.ZodType<StartCommand>;

export const stopCommandSchema = z.strictObject({
  epoch: epochSchema,
  signal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT']),
  killAfterMs: z.number().min(0).max(86_400_000),
  reason: reasonSchema,
}) satisfies z.ZodType<StopCommand>;

export const epochCommandSchema = z.strictObject({ epoch: epochSchema }) satisfies z.ZodType<EpochCommand>;

export const signalCommandSchema = z.strictObject({
  signal: z.enum(['SIGSTOP', 'SIGCONT', 'SIGKILL', 'SIGTERM', 'SIGHUP']),
  reason: reasonSchema,
}) satisfies z.ZodType<SignalCommand>;

export const stopOrderSchema = z.record(z.string(), z.number()) satisfies z.ZodType<StopOrder>;

/** An id is also the name of files, a control group and an environment value. */
const idSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'must be letters, digits, _ . - (at most 128)');

/** The id, or `request.invalid`. */
export function checkedId(id: string): string {
  return checked(idSchema, id);
}

/** The value as the schema gives it, or `request.invalid` with the first few faults. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'value'}: ${message}`);
  throw new KinError('request.invalid', faults.join('; '));
}
