import { z } from 'zod';
import { nameSchema } from './metadata.ts';

const METHODS = ['PUT', 'POST', 'PATCH', 'DELETE'] as const;

function callSchema(method: (typeof METHODS)[number]) {
  return z.strictObject({
    method: z.enum(METHODS).default(method),
    path: z.string().startsWith('/').describe('{account} is filled in'),
    body: z.json().optional().describe('JSON; {account}, {password} and {newPassword} are filled in'),
  });
}

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
});

export type SessionTrial = z.output<typeof sessionTrialSchema>;
/** One call of the trial, with what is to be filled in. */
export type TrialCall = SessionTrial['login'];
