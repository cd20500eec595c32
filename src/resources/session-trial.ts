import { z } from 'zod';
import type { FactName } from './fact-kinds.ts';
import { nameSchema } from './metadata.ts';

const METHODS = ['PUT', 'POST', 'PATCH', 'DELETE'] as const;

function callSchema(method: (typeof METHODS)[number]) {
  return z.strictObject({
    method: z.enum(METHODS).default(method),
    path: z.string().startsWith('/').describe('{account} is filled in'),
    body: z.json().optional().describe('JSON; {account}, {password} and {newPassword} are filled in'),
  });
}

const limitSchema = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'must be a name such as SESSION_IDLE_MINUTES')
  .max(100)
  .optional();

/**
 * How a canary logs in to an API, and what it can do there. All of it runs in a canary tenant, with passwords that Kintsugi
 * generates and nobody else learns.
 */
export const sessionTrialSchema = z.strictObject({
  account: z
    .union([
      z.strictObject({
        create: callSchema('PUT'),
        remove: callSchema('DELETE'),
        secret: nameSchema.optional().describe('Generated secret by which both are allowed, sent as a bearer token'),
      }),
      z.strictObject({
        name: z.string().min(1).max(100),
        secret: nameSchema.describe('Generated secret that is its password'),
      }),
    ])
    .describe('How canary accounts are made and taken away, or one that is there: then sessions alone are tried'),
  login: callSchema('POST'),
  token: z
    .string()
    .min(1)
    .optional()
    .describe('Field of the answer to the login that is sent as a bearer token; its cookies are sent when left out'),
  read: z.string().startsWith('/').describe('What a GET with a session shows, and without one does not'),
  logout: callSchema('DELETE').optional().describe('How a session is ended'),
  password: callSchema('PUT').optional().describe('How the owner of a session sets a new password'),
  limits: z
    .strictObject({
      idleMinutes: limitSchema.describe('Longest idle time of a session, in minutes'),
      lockoutAttempts: limitSchema.describe('Wrong attempts after which an account is locked'),
      lockoutMinutes: limitSchema.describe('For how long it stays locked, in minutes'),
      passwordLength: limitSchema.describe('Characters of the shortest password'),
      passwordHistory: limitSchema.describe('Former passwords that are refused'),
    })
    .optional()
    .describe(
      'Names under which the workload reads numbers from the file KINTSUGI_LIMITS, and keeps to whichever is stricter, theirs or its own',
    ),
});

/** The fact that comes of each limit. */
export const LIMIT_FACTS = {
  idleMinutes: 'auth.session.idleMinutes',
  lockoutAttempts: 'auth.lockout.attempts',
  lockoutMinutes: 'auth.lockout.minutes',
  passwordLength: 'auth.password.lengthMin',
  passwordHistory: 'auth.password.history',
} as const satisfies Readonly<Record<string, FactName>>;

export type SessionTrial = z.output<typeof sessionTrialSchema>;
/** One call of the trial, with what is to be filled in. */
export type TrialCall = SessionTrial['login'];
