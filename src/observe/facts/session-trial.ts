import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Measured } from '../fact.ts';
import { reasonOf, unknown, Unmeasured, value } from './place-collector.ts';
import type { Credential, SessionCalls } from './session-calls.ts';
import { newPassword, refusedFormers, shortestPassword } from './session-passwords.ts';
import { acceptedTokens, type TokenTrial, tryTokens } from './session-tokens.ts';
import { isDue, isTooLate, minutesSince, timeLocked, timeUntilRefused, type Wait } from './session-waits.ts';

export type Readings = Readonly<Partial<Record<FactName, Measured>>>;

/** A canary account that logs in, or a session of it. */
interface Companion {
  readonly account: string;
  readonly password: string;
  readonly credential: Credential;
  readonly usedAt: number;
}

/** A trial under way, as plain data: whoever reads it goes on with it. */
export interface TrialNotes {
  readonly instance: string;
  /** In use all along: when it ends too, it was not idleness that ended the others. */
  readonly companion: Companion;
  readonly waits: readonly Wait[];
  readonly tokens: TokenTrial;
  /** What was measured at once. */
  readonly readings: Readings;
}

export interface TrialTools {
  readonly calls: SessionCalls;
  readonly clock: Clock;
  readonly random: Random;
  /** The numbers that the law of the tenants asks for, in ascending order. */
  readonly demanded: (fact: FactName) => readonly number[];
  /** Hands out the name of an account, once it is on record that it has to be taken away. */
  readonly newAccount: () => string;
  /** The account that is there, where none can be made. */
  readonly standing: { readonly account: string; readonly password: string } | undefined;
}

const COMPANION_MS = 60_000;
const MINUTE_MS = 60_000;
/** It is used so many times while the shortest idle time of the law passes: one that ends of idleness proves nothing. */
const COMPANION_TIMES = 3;
const NO_ACCOUNTS = 'the trial does not say how accounts are made';

/** Does what can be done at once, and begins what has to be waited for. Rejects with `Unmeasured` when nothing can be told. */
export async function beginTrial(tools: TrialTools, instance: string): Promise<TrialNotes> {
  const { calls, clock, random, standing } = tools;
  const { account, password } = standing ?? (await made(tools));
  const tokens = await tryTokens(calls, account, await session(calls, account, password), random);
  // What is waited for begins last, so that none of the waits is over before it is looked at.
  const passwords = await tryPasswords(tools);
  const locks = standing ? blindLocks(tools) : await tryLocks(tools, { account, password });
  const idle = await begunSessions(tools, 'idle', 'auth.session.idleMinutes');
  const left = standing ? [] : await begunLeaving(tools);
  const readings = { ...locks.readings, ...passwords };
  const credential = await session(calls, account, password);
  const companion = { account, password, credential, usedAt: clock.now() };
  return { instance, companion, waits: [...idle, ...locks.waits, ...left], tokens, readings };
}

/** Looks at what is due, and keeps the companion in use. Rejects with `Unmeasured` when the trial cannot tell anything. */
export async function continueTrial({ calls, clock }: TrialTools, notes: TrialNotes): Promise<TrialNotes> {
  const due = notes.waits.filter((wait) => isDue(wait, clock.now()));
  let { companion } = notes;
  if (due.length === 0 && clock.now() - companion.usedAt < companionMs(notes)) return notes;
  const seen = new Map<Wait, Wait>();
  for (const wait of due) seen.set(wait, await looked(calls, clock, wait));
  if (!(await calls.opens(companion.credential)))
    throw new Unmeasured('a session that was in use all along ended too, so idleness is not what ended the others');
  companion = { ...companion, usedAt: clock.now() };
  if ([...seen.values()].some(({ kind, seen: found }) => kind === 'locked' && !found?.isOpen)) {
    if (!(await calls.login(companion.account, companion.password)))
      throw new Unmeasured('an account that is not locked is refused too');
  }
  if ([...seen.values()].some(isTooLate)) throw new Unmeasured('it was looked at too late, since no control ran');
  return { ...notes, companion, waits: notes.waits.map((wait) => seen.get(wait) ?? wait) };
}

/** How often the companion is used. */
function companionMs({ waits }: TrialNotes): number {
  const idle = waits.flatMap(({ kind, minutes }) => (kind === 'idle' ? [(minutes * MINUTE_MS) / COMPANION_TIMES] : []));
  return Math.min(COMPANION_MS, ...idle);
}

export function isOver({ waits }: TrialNotes): boolean {
  return waits.every(({ seen }) => seen);
}

/** What a trial that is over has measured. */
export function readingsOf({ waits, tokens, readings }: TrialNotes): Readings {
  const of = (kind: Wait['kind']) => waits.filter((wait) => wait.kind === kind);
  const [idle, left, locked] = [of('idle'), of('left'), of('locked')];
  const hasExpired = idle.some(({ seen }) => seen && !seen.isOpen);
  return {
    'auth.probe.accepted': acceptedTokens(tokens, hasExpired),
    ...(idle.length > 0 && { 'auth.session.idleMinutes': timeUntilRefused(idle) }),
    ...(left.length > 0 && { 'auth.leavers.minutes': timeUntilRefused(left) }),
    ...(locked.length > 0 && { 'auth.lockout.minutes': timeLocked(locked) }),
    ...readings,
  };
}

async function made({ calls, random, newAccount }: TrialTools) {
  const [account, password] = [newAccount(), newPassword(random)];
  if (!(await calls.create(account, password))) throw new Unmeasured('a canary account was refused');
  return { account, password };
}

async function session(calls: SessionCalls, account: string, password: string): Promise<Credential> {
  const credential = await calls.login(account, password);
  if (!credential) throw new Unmeasured('a canary account with its own password was refused');
  return credential;
}

/** Sessions that nobody will use, one for each time that is demanded: looking at one ends its idleness. */
async function begunSessions(tools: TrialTools, kind: 'idle' | 'left', fact: FactName): Promise<Wait[]> {
  const waits: Wait[] = [];
  for (const minutes of tools.demanded(fact)) {
    const { account, password } = tools.standing ?? (await made(tools));
    const credential = await session(tools.calls, account, password);
    if (!(await tools.calls.opens(credential)))
      throw new Unmeasured('a new session does not open what is declared for it');
    waits.push({ kind, minutes, since: tools.clock.now(), account, password, credential });
  }
  return waits;
}

/** Accounts that are taken away while they have a session: nothing of them may work after. */
async function begunLeaving(tools: TrialTools): Promise<Wait[]> {
  const waits = await begunSessions(tools, 'left', 'auth.leavers.minutes');
  for (const { account } of waits) await tools.calls.remove(account);
  return waits.map((wait) => ({ ...wait, since: tools.clock.now() }));
}

interface Locks {
  readonly waits: readonly Wait[];
  readonly readings: Readings;
}

async function tryLocks(tools: TrialTools, companion: { account: string; password: string }): Promise<Locks> {
  const [attempts, minutes] = [tools.demanded('auth.lockout.attempts'), tools.demanded('auth.lockout.minutes')];
  const most = attempts.at(-1);
  if (most === undefined) return { waits: [], readings: {} };
  try {
    let locking: number | undefined;
    for (const count of attempts) if (await isLockedAfter(tools, count)) locking ??= count;
    // Refused may be who calls, and not the account.
    await session(tools.calls, companion.account, companion.password);
    const waits: Wait[] = [];
    for (const each of locking === undefined ? [] : minutes) {
      const { account, password } = await made(tools);
      await guess(tools, account, most);
      waits.push({ kind: 'locked', minutes: each, since: tools.clock.now(), account, password });
    }
    const never = locking === undefined && minutes.length > 0 ? { 'auth.lockout.minutes': value(0) } : {};
    return { waits, readings: { 'auth.lockout.attempts': value(locking ?? most + 1), ...never } };
  } catch (error) {
    return blindLocks(tools, reasonOf(error));
  }
}

function blindLocks({ demanded }: TrialTools, reason = NO_ACCOUNTS): Locks {
  const facts = (['auth.lockout.attempts', 'auth.lockout.minutes'] as const).filter(
    (fact) => demanded(fact).length > 0,
  );
  return { waits: [], readings: Object.fromEntries(facts.map((fact) => [fact, unknown(reason)])) };
}

async function isLockedAfter(tools: TrialTools, attempts: number): Promise<boolean> {
  const { account, password } = await made(tools);
  await guess(tools, account, attempts);
  return (await tools.calls.login(account, password)) === undefined;
}

async function guess({ calls, random }: TrialTools, account: string, attempts: number): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (await calls.login(account, newPassword(random))) throw new Unmeasured('a wrong password was accepted');
  }
}

async function tryPasswords({ calls, random, demanded, newAccount, standing }: TrialTools): Promise<Readings> {
  const former = demanded('auth.password.history').at(-1);
  const measured = async (measure: () => Promise<number>) => {
    if (standing) return unknown(NO_ACCOUNTS);
    return measure().then(value, (error: unknown) => unknown(reasonOf(error)));
  };
  return {
    ...(demanded('auth.password.lengthMin').length > 0 && {
      'auth.password.lengthMin': await measured(() => shortestPassword(calls, newAccount(), random)),
    }),
    ...(former !== undefined && {
      'auth.password.history': await measured(() => refusedFormers(calls, newAccount(), former, random)),
    }),
  };
}

/** What is looked at once: afterwards it is no longer idle. */
async function looked(calls: SessionCalls, clock: Clock, wait: Wait): Promise<Wait> {
  const { kind, account, credential, password = '' } = wait;
  const minutes = minutesSince(wait, clock.now());
  const enters = async () => (await calls.login(account, password)) !== undefined;
  if (kind === 'locked') return { ...wait, seen: { isOpen: await enters(), minutes } };
  const isOpen = (await calls.opens(credential)) || (kind === 'left' && (await enters()));
  return { ...wait, seen: { isOpen, minutes } };
}
