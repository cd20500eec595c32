import { readJsonFile, writeDurably } from '../../base/durable-file.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { FactName } from '../../resources/fact-kinds.ts';
import type { Collector, KeepTranscript } from '../collector.ts';
import type { Fact } from '../fact.ts';
import { Unmeasured, reasonOf, unknown } from './place-collector.ts';
import { SessionCalls, type SessionPlace } from './session-calls.ts';
import { beginTrial, continueTrial, isOver, type Readings, readingsOf, type TrialNotes } from './session-trial.ts';
import { isViolated, type Settled, SESSION_FACTS, tellTenants } from './session-facts.ts';

export interface SessionTrialsOptions {
  /** Instances whose workload declares a `sessionTrial`. One of a workload and region is tried. */
  readonly instances: () => readonly SessionPlace[];
  readonly tenants: () => readonly string[];
  /** The numbers that the law of a tenant asks for. */
  readonly demanded: (tenant: string, fact: FactName) => readonly number[];
  /** Where trials that are under way are kept, with what they need to go on. */
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is kept of one workload in one region. */
interface Kept {
  readonly notes?: TrialNotes;
  /** Accounts that have to be taken away. */
  readonly accounts: readonly string[];
  readonly settled?: Settled;
  /** When the next trial may begin. */
  readonly nextAt: number;
  /** Who was tried last: another one is tried at once, for it may have come with other rules. */
  readonly instance?: string;
}

const NAME = 'session-trials';
const AGAIN_MS = 3_600_000;
const RETRY_MS = 300_000;
const PLACE_MS = 110_000;
/** Wall and monotonic time that differ by more between two looks: the clock was put right, and spans are not what they seem. */
const JUMP_MS = 5_000;
const NOTHING: Kept = { accounts: [], nextAt: 0 };

/**
 * Accounts and sessions of APIs, tried with canary accounts of a canary tenant. What has to be waited for (an idle session, a
 * locked account) is waited for in real time: a round looks at what is due and returns, and what is under way outlives the
 * process. How long, the law of the tenants says. Proven is that of the declared calls, for accounts as the trial makes them.
 */
export function sessionTrials(options: SessionTrialsOptions): Collector {
  const { instances, clock } = options;
  const watch = jumpWatch(clock);
  return {
    name: NAME,
    facts: SESSION_FACTS,
    everyMs: 8_000,
    timeoutMs: 240_000,
    async collect(signal, keep) {
      const all = readKept(options.file);
      const hasJumped = watch();
      const places = chosen(instances(), all);
      for (const place of places) {
        signal.throwIfAborted();
        const before = all[place.subject] ?? NOTHING;
        const run = new TrialRun(options, place, hasJumped ? forgotten(before) : before, (kept) => {
          all[place.subject] = kept;
          writeDurably(options.file, JSON.stringify(all));
        });
        await run.step(clock.deadline(PLACE_MS, signal), keep);
      }
      const settled = places.map((place) => ({ place, settled: all[place.subject]?.settled }));
      return tellTenants(settled, options).map((fact): Fact => ({ ...fact, collector: NAME }));
    },
  };
}

/** One of each workload and region: the one that a trial is under way at, as long as it is there. */
function chosen(instances: readonly SessionPlace[], all: Readonly<Record<string, Kept>>): readonly SessionPlace[] {
  const places = new Map<string, SessionPlace>();
  for (const each of instances) {
    const isUnderWay = all[each.subject]?.notes?.instance === each.instance;
    if (isUnderWay || !places.has(each.subject)) places.set(each.subject, each);
  }
  return [...places.values()];
}

function forgotten({ accounts, settled, nextAt, instance }: Kept): Kept {
  return { accounts, nextAt, ...(settled && { settled }), ...(instance !== undefined && { instance }) };
}

function readKept(file: string): Record<string, Kept> {
  try {
    return (readJsonFile(file) as Record<string, Kept> | undefined) ?? {};
  } catch {
    return {}; // A file that cannot be read is a trial that begins anew.
  }
}

/** Answers whether the wall clock was put right since it was asked last. */
function jumpWatch(clock: Clock): () => boolean {
  let offset: number | undefined;
  return () => {
    const now = clock.now() - clock.monotonicMs();
    const hasJumped = offset !== undefined && Math.abs(now - offset) > JUMP_MS;
    offset = now;
    return hasJumped;
  };
}

/** One step of the trial at one place. */
class TrialRun {
  readonly #options: SessionTrialsOptions;
  readonly #place: SessionPlace;
  readonly #write: (kept: Kept) => void;
  #kept: Kept;

  constructor(options: SessionTrialsOptions, place: SessionPlace, kept: Kept, write: (kept: Kept) => void) {
    this.#options = options;
    this.#place = place;
    this.#kept = kept;
    this.#write = write;
  }

  async step(signal: AbortSignal, keep: KeepTranscript = () => null): Promise<void> {
    const { clock, random } = this.#options;
    const calls = new SessionCalls(this.#place, clock, random, signal);
    try {
      await this.#advance(calls, keep);
    } catch (error) {
      const { notes, settled } = this.#kept;
      // What came of an earlier trial counts until it is stale, when this one was cut off; not when none can be begun.
      const known = notes ? settled : undefined;
      await this.#end(calls, known ?? this.#blind(reasonOf(error)), clock.now() + RETRY_MS);
    }
  }

  async #advance(calls: SessionCalls, keep: KeepTranscript): Promise<void> {
    const { clock, random } = this.#options;
    const { instance, recipe, secret } = this.#place;
    const { account } = recipe;
    const standing = 'name' in account && secret ? { account: account.name, password: secret.reveal() } : undefined;
    const demanded = (fact: FactName) => this.#demanded(fact);
    const newAccount = () => this.#newAccount();
    const tools = { calls, clock, random, demanded, newAccount, standing };
    const { notes } = this.#kept;
    if (!notes) {
      if (this.#kept.accounts.length > 0) await this.#clear(calls);
      if (clock.now() < this.#kept.nextAt && this.#kept.instance === instance) return;
      this.#put({ instance });
      this.#put({ notes: await beginTrial(tools, instance) });
      return;
    }
    if (notes.instance !== instance) throw new Unmeasured('the instance was replaced while a trial was under way');
    const next = await continueTrial(tools, notes);
    if (next !== notes) this.#put({ notes: next });
    if (isOver(next)) await this.#settle(calls, next, keep);
  }

  /** One that is bad is looked at again at once, for as long as it is: somebody waits to see it mended. */
  async #settle(calls: SessionCalls, notes: TrialNotes, keep: KeepTranscript): Promise<void> {
    const { clock } = this.#options;
    const readings = readingsOf(notes);
    const { subject } = this.#place;
    const waits = notes.waits.map(({ kind, minutes, seen }) => ({ kind, minutes, seen }));
    const transcript = { waits, tokens: notes.tokens };
    const evidence = keep({ collector: NAME, subject, readings, transcript });
    const isBad = (of: Readings) =>
      SESSION_FACTS.some((fact) => of[fact] && isViolated(fact, of[fact], this.#demanded(fact)));
    const nextAt = isBad(readings) ? clock.now() : clock.now() + AGAIN_MS;
    await this.#end(calls, { readings, at: clock.now(), evidence }, nextAt);
  }

  /** What was measured counts once nothing of the trial is left. */
  async #end(calls: SessionCalls, settled: Settled, nextAt: number): Promise<void> {
    const { accounts, instance = this.#place.instance } = this.#kept;
    this.#kept = { accounts, settled, nextAt, instance };
    try {
      await this.#clear(calls);
    } catch (error) {
      this.#kept = { ...this.#kept, settled: this.#blind(reasonOf(error)) };
    }
    this.#write(this.#kept);
  }

  async #clear(calls: SessionCalls): Promise<void> {
    for (const account of this.#kept.accounts) {
      await calls.remove(account);
      this.#put({ accounts: this.#kept.accounts.filter((each) => each !== account) });
    }
  }

  /** Nobody can make an account that is not on record already. */
  #newAccount(): string {
    const account = `kintsugi-canary-${this.#options.random.token(10)}`;
    this.#put({ accounts: [...this.#kept.accounts, account] });
    return account;
  }

  #blind(reason: string): Settled {
    const told = SESSION_FACTS.filter((fact) => fact === 'auth.probe.accepted' || this.#demanded(fact).length > 0);
    const text = `${this.#place.instance} could not be tried: ${reason}`;
    const readings = Object.fromEntries(told.map((fact) => [fact, unknown(text)]));
    return { readings, at: this.#options.clock.now(), evidence: null };
  }

  #demanded(fact: FactName): readonly number[] {
    const { tenants } = this.#place;
    const names = tenants === 'all' ? this.#options.tenants() : tenants;
    return [...new Set(names.flatMap((tenant) => this.#options.demanded(tenant, fact)))].toSorted((a, b) => a - b);
  }

  #put(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    this.#write(this.#kept);
  }
}
