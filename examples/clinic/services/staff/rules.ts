import { z } from 'zod';
import type { Limits } from '../kit/limits.ts';

/** What the law asks of accounts and sessions; PCI DSS 4.0.1 gives the defaults (8.2.8, 8.3.4, 8.3.6, 8.3.7). */
export const rulesSchema = z.object({
  SESSION_IDLE_MINUTES: z.coerce.number().positive().default(15),
  SESSION_HOURS_MAX: z.coerce.number().positive().default(12),
  LOCKOUT_ATTEMPTS: z.coerce.number().int().positive().default(6),
  LOCKOUT_MINUTES: z.coerce.number().positive().default(30),
  PASSWORD_LENGTH_MIN: z.coerce.number().int().positive().default(12),
  PASSWORDS_KEPT: z.coerce.number().int().positive().default(4),
  /** Who has it makes and removes accounts: the clinic's directory of people. */
  PROVISIONING_SECRET: z.string().min(16),
});

export type Rules = z.output<typeof rulesSchema>;

/** The rules as they hold now: of its own and of the published limits whichever is stricter. */
export function lawfulRules(own: Rules, limits: Limits): Rules {
  return {
    ...own,
    get SESSION_IDLE_MINUTES() {
      return limits.atMost('SESSION_IDLE_MINUTES', own.SESSION_IDLE_MINUTES);
    },
    get LOCKOUT_ATTEMPTS() {
      return limits.atMost('LOCKOUT_ATTEMPTS', own.LOCKOUT_ATTEMPTS);
    },
    get LOCKOUT_MINUTES() {
      return limits.atLeast('LOCKOUT_MINUTES', own.LOCKOUT_MINUTES);
    },
    get PASSWORD_LENGTH_MIN() {
      return limits.atLeast('PASSWORD_LENGTH_MIN', own.PASSWORD_LENGTH_MIN);
    },
    get PASSWORDS_KEPT() {
      return limits.atLeast('PASSWORDS_KEPT', own.PASSWORDS_KEPT);
    },
  };
}
