/** Guards that ask whether a plan is well made: journaled, verified, going back to something good, said in full. */
import { assetOf, settingOf, workloadOf } from '../../diagnose/fleet-view.ts';
import { MOVE_TRAITS } from '../move-traits.ts';
import { goodValues, isGoodVersion, onsetOf, whyNotTo } from '../onset.ts';
import type { Step } from '../plan.ts';
import { SLOWEST_FAILURE_MS } from '../slowest-failure.ts';
import { deedsOf, deny, type Guard, type Review, threshold } from './guard.ts';

export const journaled: Guard = {
  number: 14,
  name: 'journaled',
  rule: 'each step says under which key it is done and from what state, before it is done: a crash resumes or undoes it',
  source: 'Google Diskerase: a run from the start; DBOS, Temporal',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review({ plan }) {
    const keys = new Set<string>();
    for (const step of deedsOf(plan)) {
      const key = keyOf(step);
      if (key === undefined)
        return deny(`${step.move} has no key of its own`, 'give it one: this is a fault of the draft');
      if (keys.has(`${step.move} ${key}`)) return deny(`two steps have the key ${key}`, 'this is a fault of the draft');
      keys.add(`${step.move} ${key}`);
      const isBlind = 'setting' in step.input && !('oldValue' in step.input && 'expectedRevision' in step.input);
      if (isBlind) return deny(`${step.move} does not say what was there before`, 'this is a fault of the draft');
    }
    return undefined;
  },
};

/** What tells a repetition of the step from another one. */
function keyOf({ input }: Step): string | undefined {
  const { key, id, newInstance, workload, from, to } = input;
  const named = key ?? id ?? newInstance;
  if (typeof named === 'string' && named !== '') return named;
  return typeof workload === 'string' && typeof from === 'number' && typeof to === 'number'
    ? `${workload} ${from} ${to}`
    : undefined;
}

export const soak: Guard = {
  number: 15,
  name: 'soak',
  rule: 'a step counts as healed only after the independent signal was good for longer than the slowest known failure of its cause',
  source: 'Azure Front Door 2025: crashes minutes after a valid change; SREGym looks 30 to 60 s later',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review({ plan }) {
    const slowestMs = SLOWEST_FAILURE_MS[plan.cause];
    for (const step of deedsOf(plan)) {
      if (step.soakMs < slowestMs) {
        return deny(
          `${step.move} is verified for ${step.soakMs} ms, ${plan.cause} takes ${slowestMs}`,
          'raise `soakMs`',
        );
      }
      if (step.verifyWithinMs < step.soakMs) {
        return deny(`${step.move} cannot be verified in ${step.verifyWithinMs} ms`, 'raise `verifyWithinMs`');
      }
    }
    return undefined;
  },
};

export const lastKnownGood: Guard = {
  number: 16,
  name: 'last-known-good',
  rule: 'what a step goes back to had soaked before the incident began, or was declared; what was written inside its window proves nothing; nothing goes back from what is declared, and no protection or grant is taken away',
  source: 'Azure Front Door 2025: the poisoned configuration was promoted to last-known-good',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review(review) {
    for (const step of restoringSteps(review)) {
      const { setting, value, workload, to } = step.input;
      const against = typeof setting === 'string' ? whyNoValue(review, setting, textOf(value)) : undefined;
      if (against) return against;
      if (typeof to === 'number' && typeof workload === 'string') {
        const version = workloadOf(review.fleet, workload)?.versions.find((each) => each.version === to);
        if (version && isGoodVersion(version, onsetOf(review.situation.diagnosis))) continue;
        return deny(`version ${to} of ${workload} had not soaked before the incident`, 'name an older version');
      }
    }
    return undefined;
  },
};

const restoringSteps = (review: Review) => review.plan.steps.filter((step) => MOVE_TRAITS[step.move].restores);

function whyNoValue({ fleet, situation }: Review, id: string, value: string | null) {
  const setting = settingOf(fleet, id);
  const why = setting && whyNotTo(setting, value);
  if (why !== undefined) return deny(why, 'a person decides');
  const isDeclared = setting?.declared !== undefined && setting.declared === value;
  const good = setting ? goodValues(setting, onsetOf(situation.diagnosis)) : [];
  if (isDeclared || good.some((change) => change.value === value)) return undefined;
  return deny(`${String(value)} of ${id} had not soaked before the incident`, 'name an older value');
}

function textOf(value: unknown): string | null {
  return value === null ? null : String(value);
}

export const dataSafe: Guard = {
  number: 23,
  name: 'data-safe',
  rule: 'a copy takes over only when the old one is fenced, its lag is within what may be lost, and nothing is at it already',
  source: 'GitHub, 21 October 2018; Discord: a migration that dropped the primary',
  thresholds: ['data-safe.rpoMsMax'],
  at: 'every step',
  helps: 'person',
  review(review) {
    const { plan: judged, fleet, situation, policy } = review;
    const step = judged.steps.find(({ move }) => move === 'failover');
    if (!step) return undefined;
    if (situation.diagnosis.evidence.some(({ name }) => name === 'asset-recovering')) {
      return deny('it is recovering by itself', 'wait for its end');
    }
    const copy = assetOf(fleet, String((step.input['input'] as { to?: unknown } | undefined)?.to));
    if (!copy) return deny('no copy is named that is known', 'name one');
    const { fenced, lagMs, diverged, quorum } = copy.detail;
    if (fenced !== true)
      return deny(`nobody knows that the old side of ${copy.id} is kept from writing`, 'fence it first');
    const rpoMs = threshold(policy, 'data-safe.rpoMsMax');
    if (typeof lagMs !== 'number' || lagMs > rpoMs) {
      return deny(`${copy.id} is ${String(lagMs ?? 'an unknown time')} ms behind, ${rpoMs} may be lost`, 'wait for it');
    }
    if (diverged === true || quorum === false)
      return deny(`${copy.id} is not alone in what it knows`, 'a person decides');
    return undefined;
  },
};

export const accountable: Guard = {
  number: 29,
  name: 'accountable',
  rule: 'a plan says what it answers, and each step what it touches, does and how it is taken back',
  source: 'Cluster API #3163 and #5451: what was not done, and why, was nowhere to be seen',
  thresholds: [],
  at: 'planning',
  helps: 'person',
  review({ plan: judged }) {
    if (judged.summary === '' || judged.incident === '') return deny('the plan does not say what it answers', FAULT);
    for (const step of judged.steps) {
      if (step.effect === '' || step.undo === '') return deny(`${step.move} does not say what it does`, FAULT);
      const silent = unsaid(step);
      if (silent !== undefined) return deny(`${step.move} does not say that it touches ${silent}`, FAULT);
    }
    return undefined;
  },
};

const FAULT = 'this is a fault of the draft';

/** What the input of a step acts on and its touch leaves out. */
function unsaid({ input, touch }: Step): string | undefined {
  const pairs = [
    [input['setting'], touch.settings],
    [input['asset'], touch.assets],
    [input['oldInstance'], touch.instances],
    [input['tenant'], touch.tenants],
    [input['actor'], touch.actors],
  ] as const;
  return pairs.flatMap(([name, said]) => (typeof name === 'string' && !said.includes(name) ? [name] : []))[0];
}
