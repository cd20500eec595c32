import { systemClock } from '../../src/base/clock.ts';
import { type Footprint, gate } from '../../src/comply/gate.ts';
import { Posture } from '../../src/comply/posture.ts';
import type { TenantView } from '../../src/diagnose/fleet-view.ts';
import { builtinProfiles } from '../../src/resources/builtin-profiles.ts';
import { rulesOf } from '../../src/resources/profile.ts';
import { cedarPeer, jsonLogicPeer, type Peer, type PlaceQuestion } from './peers.ts';
import { allFacts, factNames, factOf, frameworkOf, NOW, questionOf, tenantsOf } from './population.ts';

/** One round: how long each thing took, or how often it could be done in a second. */
export interface Round {
  readonly wholeMs: number;
  readonly evaluationsPerSecond: number;
  /** Median of many: a fact of one tenant, and one that bears on all. */
  readonly oneFactMs: number;
  readonly sharedFactMs: number;
  readonly gatePerSecond: number;
  readonly gatePooledPerSecond: number;
  readonly peers: readonly {
    readonly name: string;
    readonly evaluationsPerSecond: number;
    readonly gatePerSecond: number;
  }[];
}

export interface Size {
  readonly tenants: number;
  readonly controls: number;
}

const CHANGES = 200;
const DECISIONS = 200_000;
/** Questions that a peer is asked; its rate does not depend on how many there are. */
const ASKED: Readonly<Record<string, number>> = { [jsonLogicPeer.name]: 200_000 };
const ASKED_OTHERWISE = 10_000;

export class ComplyBench {
  readonly #size: Size;
  readonly #peers: readonly Peer[] = [jsonLogicPeer, cedarPeer()];

  constructor(size: Size) {
    this.#size = size;
  }

  round(): Round {
    const { tenants: count, controls } = this.#size;
    const names = factNames(controls);
    const tenants = tenantsOf(count);
    const facts = [...allFacts(names, tenants)];
    const posture = new Posture();
    // Nobody is declared yet: the facts are warm, and nothing is judged.
    posture.take(facts, NOW);
    const declared = { tenants, frameworks: [frameworkOf(controls)], deviations: [] };
    const wholeMs = timed(() => posture.declare(declared, NOW + 1));
    const questions = facts.slice(0, Math.max(...Object.values(ASKED))).map(questionOf);
    checkAgreement(posture, this.#peers, facts.slice(0, 1_000).map(questionOf), names, count);
    return {
      wholeMs,
      evaluationsPerSecond: ((count * controls) / wholeMs) * 1_000,
      oneFactMs: medianOf(CHANGES, (n) =>
        posture.take([{ ...factOf(names[n % controls]!, `t${n}`, n), measuredAt: NOW + 2 }], NOW + 2),
      ),
      sharedFactMs: medianOf(20, (n) => {
        // Bad, and good again: the result of nearly every tenant turns each time.
        const fact = factOf(names[(n >> 1) % controls]!, 'shared', n % 2 === 0 ? 54 : 0);
        posture.take([{ ...fact, tenants: 'all', measuredAt: NOW + 3 + n }], NOW + 3 + n);
      }),
      gatePerSecond: gateRate(1),
      gatePooledPerSecond: gateRate(TENANTS.length),
      peers: this.#peers.map((peer) => this.#peerRates(peer, questions)),
    };
  }

  #peerRates(peer: Peer, questions: readonly ReturnType<typeof questionOf>[]) {
    const asked = questions.slice(0, ASKED[peer.name] ?? ASKED_OTHERWISE);
    const judgeMs = timed(() => asked.forEach((question) => void peer.judge(question)));
    const place: PlaceQuestion = { region: 'eu', processor: 'host', regions: ['eu'], processors: ['host'] };
    const placeMs = timed(() => asked.forEach(() => void peer.permits(place)));
    const rate = (ms: number) => (asked.length / ms) * 1_000;
    return { name: peer.name, evaluationsPerSecond: rate(judgeMs), gatePerSecond: rate(placeMs) };
  }
}

/** Contestants that answer differently are not compared. */
function checkAgreement(
  posture: Posture,
  peers: readonly Peer[],
  questions: readonly ReturnType<typeof questionOf>[],
  names: readonly string[],
  count: number,
): void {
  for (const [index, question] of questions.entries()) {
    const tenant = `t${Math.floor(index / names.length)}`;
    const ours = posture.result(tenant, `bench-${index % names.length}`, NOW + 1)?.status === 'satisfied';
    for (const peer of index % 10 === 0 ? peers : []) {
      if (peer.judge(question) !== ours)
        throw new Error(`${peer.name} judges ${JSON.stringify(question)} otherwise (of ${count})`);
    }
  }
}

const RULES = builtinProfiles().map(rulesOf);
const TENANTS: readonly TenantView[] = ['gdpr', 'hipaa', 'pci-dss-4.0.1'].map((profile) => ({
  name: profile,
  regions: ['eu'],
  profiles: [profile],
  processors: ['host'],
  dataClasses: ['personal'],
  hasEmergencyAccess: true,
  limits: { requestsPerSecond: 1, concurrency: 1 },
  mitigations: [],
}));

/** All rules of the regulations, with everything shown that a lawful move has to show. */
function gateRate(tenants: number): number {
  const footprint: Footprint = {
    move: 'failover',
    deeds: ['relocate'],
    tenants: TENANTS.slice(0, tenants).map(({ name }) => name),
    after: { instances: ['eu'], data: ['eu'], logs: ['eu'], keys: ['eu'], processors: ['host'] },
    claims: {
      recorded: true,
      'checked-after': true,
      'copy-verified': true,
      'agreement-in-force': true,
      'in-inventory': true,
    },
  };
  let permitted = 0;
  const ms = timed(() => {
    for (let n = 0; n < DECISIONS; n += 1) permitted += gate(footprint, TENANTS, RULES).kind === 'permit' ? 1 : 0;
  });
  if (permitted !== DECISIONS) throw new Error('the gate denies what the bench takes to be lawful');
  return (DECISIONS / ms) * 1_000;
}

function timed(run: () => unknown): number {
  const from = systemClock.monotonicMs();
  run();
  return systemClock.monotonicMs() - from;
}

function medianOf(times: number, run: (n: number) => unknown): number {
  const spans = Array.from({ length: times }, (_, n) => timed(() => run(n))).toSorted((a, b) => a - b);
  return spans[Math.floor(times / 2)] ?? Number.NaN;
}
