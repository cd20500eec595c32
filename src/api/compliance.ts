import { type Clock, fromIso } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { demandedOf } from '../comply/demanded.ts';
import { type Obliged, Posture } from '../comply/posture.ts';
import type { Turn } from '../comply/turn.ts';
import type { Declared } from '../drivers/declared.ts';
import { TranscriptFolder } from '../evidence/transcript-folder.ts';
import type { Collector, KeepTranscript } from '../observe/collector.ts';
import { type CollectorListener, CollectorRounds } from '../observe/collector-rounds.ts';
import type { Fact } from '../observe/fact.ts';
import { builtinProfiles } from '../resources/builtin-profiles.ts';
import type { FactName } from '../resources/fact-kinds.ts';
import { contractOf } from '../resources/contract.ts';
import { compileProfile, type Framework, type Profile } from '../resources/profile.ts';
import type { Tenant } from '../resources/tenant.ts';
import type { ViolationSample } from '../observe/sample.ts';
import type { ControlOptions } from './control-options.ts';
import type { MatchRecord } from './match-record.ts';
import type { TurnRecord } from './turn-record.ts';
import { ViolationWatch } from './violation-watch.ts';

/** Below the shortest freshness by far. */
const SETTLE_MS = 1_000;

/** Transcripts that nothing rests on any more are looked for this often. */
const PRUNE_MS = 3_600_000;

/** Who hears what was measured, once the posture has taken it. */
export interface ComplianceListener {
  /** Of facts that violate controls, and when they no longer do. */
  readonly onSample: (sample: ViolationSample) => void;
  /** All of it. */
  readonly onFacts: (facts: readonly Fact[]) => void;
}

/** The posture of this control process: what people declared and what collectors measured flow into it. */
export class Compliance implements CollectorListener {
  readonly posture = new Posture();
  /** How often exceptions stood in. */
  readonly matches: MatchRecord;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #rounds: CollectorRounds;
  readonly #record: TurnRecord;
  readonly #watch: ViolationWatch;
  readonly #frameworks = new WeakMap<Profile, Framework>();
  readonly #onFacts: (facts: readonly Fact[]) => void;
  readonly #transcripts: TranscriptFolder;
  #declared = '';
  /** When documented alternatives run out: what they covered is a violation from then on. */
  #expiries: readonly number[] = [];
  #stop: () => void = () => undefined;
  #stopPruning: () => void = () => undefined;

  constructor(
    options: Pick<ControlOptions, 'clock' | 'random' | 'log' | 'state'>,
    record: TurnRecord,
    matches: MatchRecord,
    { onSample, onFacts }: ComplianceListener,
  ) {
    this.#record = record;
    this.matches = matches;
    this.#watch = new ViolationWatch(this.posture, onSample);
    this.#onFacts = onFacts;
    this.#clock = options.clock;
    this.#log = options.log;
    const { clock, log } = options;
    this.#transcripts = new TranscriptFolder({
      folder: options.state.transcripts,
      clock,
      onFault: (error) => log.warn({ reason: describeError(error) }, 'a transcript was not kept'),
    });
    this.#rounds = new CollectorRounds({ clock: options.clock, random: options.random, listener: this });
  }

  start(collectors: readonly Collector[]): void {
    this.#rounds.start(collectors);
    this.#stop = this.#clock.every(SETTLE_MS, () => this.#settle());
    this.#stopPruning = this.#clock.every(PRUNE_MS, () => this.#transcripts.prune(this.posture.evidence()));
  }

  close(): void {
    this.#stop();
    this.#stopPruning();
    this.#rounds.close();
  }

  /** What cannot be written now (no database, no lead) is written later: nothing of it is lost. */
  async #settle(): Promise<void> {
    const now = this.#clock.now();
    this.#tell(this.posture.settle(now));
    if (this.#expiries.some((at) => at <= now)) {
      this.#expiries = this.#expiries.filter((at) => at > now);
      this.#watch.forgetJudgements();
    }
    this.matches.take(this.posture.takeMatches());
    await Promise.all([this.#record.flush(now), this.matches.flush()]).catch((error: unknown) => {
      this.#log.debug({ reason: describeError(error) }, 'turns of controls are not on record yet');
    });
  }

  /** Takes what is declared now; cheap when nothing of it changed. */
  declare({ tenants, profiles, exceptions }: Pick<Declared, 'tenants' | 'profiles' | 'exceptions'>): void {
    // Those that come with Kintsugi never change while it runs, and they are long.
    const own = profiles.filter((each) => !builtinProfiles().includes(each));
    const digest = JSON.stringify([tenants.map((each) => [termsOf(each), each.spec.contract]), own, exceptions]);
    if (digest === this.#declared) return;
    this.#declared = digest;
    const deviations = exceptions.map(({ metadata, spec: { expires, ...spec } }) => {
      return { ...spec, name: metadata.name, expiresAt: fromIso(expires) };
    });
    this.#expiries = deviations.map(({ expiresAt }) => expiresAt);
    const frameworks = profiles.map((profile) => this.#compiled(profile));
    const obliged = tenants.map((tenant): Obliged => ({ ...termsOf(tenant), contract: contractOf(tenant, profiles) }));
    this.#tell(this.posture.declare({ tenants: obliged, frameworks, deviations }, this.#clock.now()));
    this.#watch.forgetJudgements();
  }

  /** The numbers that the law of a tenant and its contract ask for in checks of a fact, in ascending order. */
  demanded(tenant: string, fact: FactName): readonly number[] {
    const law = this.posture.lawOf(tenant);
    return law ? demandedOf(law, fact) : [];
  }

  /** A repair waits for these facts: whoever measures them does it soon, and the loop hears of it whatever comes out. */
  measureAgain(facts: readonly string[]): void {
    for (const key of facts) {
      this.#watch.askFor(key);
      for (const collector of this.#watch.collectorsOf(key)) this.#rounds.hurry(collector);
    }
  }

  /** Somebody changed these: whoever measures what they are part of does it at once, and not at its rhythm. */
  settingsChanged(settings: readonly string[]): void {
    for (const collector of this.#watch.collectorsNear(settings)) this.#rounds.hurry(collector);
  }

  onReport({ name }: Collector, facts: readonly Fact[], beganAt: number): void {
    const now = this.#clock.now();
    this.#tell(this.posture.report(name, facts, now));
    if (this.#watch.onReport(name, facts, beganAt, now)) this.#rounds.hurry(name);
    this.#onFacts(facts);
  }

  onBlind({ name, facts }: Collector, reason: string): void {
    this.#log.warn({ collector: name, reason }, 'a collector measured nothing');
    this.posture.blind(facts, `collector ${name} measured nothing: ${reason}`);
  }

  readonly keep: KeepTranscript = (transcript) => this.#transcripts.keep(transcript);

  #compiled(profile: Profile): Framework {
    const framework = this.#frameworks.get(profile) ?? compileProfile(profile);
    this.#frameworks.set(profile, framework);
    return framework;
  }

  /** Results that turn are told once; the first look at everything is no news. */
  #tell(turns: readonly Turn[]): void {
    this.#record.take(turns);
    for (const { from, ...turn } of turns) {
      if (from !== null && turn.to === 'not-satisfied') this.#log.warn({ ...turn, from }, 'a control is not satisfied');
    }
  }
}

function termsOf({ metadata, spec }: Tenant): Omit<Obliged, 'contract'> {
  const { regions, processors, dataClasses, profiles, objectives } = spec;
  const { availability, rtoMs, rpoMs } = objectives;
  const terms = { name: metadata.name, regions, processors, dataClasses, availability, rtoMs, rpoMs };
  return { terms, frameworks: profiles };
}
