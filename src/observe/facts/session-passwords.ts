import type { Random } from '../../base/random.ts';
import { Unmeasured } from './place-collector.ts';
import type { SessionCalls } from './session-calls.ts';

/** Letters of both cases, a digit and a sign, so that a password is refused for its length alone. */
const START = 'Kz7!';
const LENGTH_MAX = 32;
/** What any rule should take. */
const GOOD_LENGTH = 28;

/** A password that nobody knows. */
export function newPassword(random: Random, length: number = GOOD_LENGTH): string {
  return (START + random.token(length)).slice(0, length);
}

/**
 * The length of the shortest password that an account is made with, or is changed to where the trial says how. Tried are
 * random ones from one character on, so a rule against short words alone does not pass for one about length. `account` is
 * there afterwards, or not: it is the caller's to take away.
 */
export async function shortestPassword(calls: SessionCalls, account: string, random: Random): Promise<number> {
  const isTaken = calls.recipe.password ? await changing(calls, account, random) : creating(calls, account);
  for (let length = 1; length <= LENGTH_MAX; length += 1) {
    if (await isTaken(newPassword(random, length))) return length;
  }
  throw new Unmeasured(`no password of up to ${LENGTH_MAX} characters was taken`);
}

function creating(calls: SessionCalls, account: string) {
  return (password: string) => calls.create(account, password);
}

async function changing(calls: SessionCalls, account: string, random: Random) {
  const password = newPassword(random);
  const session = await sessionOf(calls, account, password);
  return (next: string) => calls.change(session, account, password, next);
}

async function sessionOf(calls: SessionCalls, account: string, password: string) {
  if (!(await calls.create(account, password))) throw new Unmeasured('a canary account was refused');
  return loggedIn(calls, account, password);
}

async function loggedIn(calls: SessionCalls, account: string, password: string) {
  const session = await calls.login(account, password);
  if (!session) throw new Unmeasured('a canary account with its own password was refused');
  return session;
}

/**
 * How many of the last `count` passwords are refused when they are set again, the one in use among them, counted from the
 * newest until one is taken. Rejects with `Unmeasured` where it is not declared how a password is set, or none can be.
 */
export async function refusedFormers(calls: SessionCalls, account: string, count: number, random: Random) {
  const passwords = Array.from({ length: count }, () => newPassword(random));
  let current = passwords[0] ?? '';
  await sessionOf(calls, account, current);
  for (const next of passwords.slice(1)) {
    const session = await loggedIn(calls, account, current);
    if (!(await calls.change(session, account, current, next)))
      throw new Unmeasured('a new password was refused, so nothing can be told of former ones');
    current = next;
  }
  let refused = 0;
  for (const former of passwords.toReversed()) {
    const session = await loggedIn(calls, account, current);
    if (await calls.change(session, account, current, former)) return refused;
    refused += 1;
  }
  return refused;
}
