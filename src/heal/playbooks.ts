import { API_VERSION } from '../resources/metadata.ts';
import { type Cause, type MoveName, type Playbook, playbookSchema } from '../resources/playbook.ts';

type Parameters = Readonly<Record<string, string | number | boolean>>;

interface Rung {
  readonly move: MoveName;
  readonly also?: readonly { readonly move: MoveName; readonly parameters?: Parameters }[];
  readonly parameters?: Parameters;
  readonly soakMs?: number;
  readonly verifyWithinMs?: number;
}

const PAGE: Rung = { move: 'page' };
const QUICK = { soakMs: 5_000, verifyWithinMs: 60_000 };
const STEADY = { soakMs: 15_000, verifyWithinMs: 90_000 };

/**
 * One playbook per class of incident, each from what heals most to what heals least, and a person last. Rungs that do not
 * fit what is there are left out, so a ladder lists all that may help. A Playbook resource that answers the same cause
 * takes its place.
 */
export const BUILTIN_PLAYBOOKS: readonly Playbook[] = [
  // A death is certain and its successor is equal: what would still kill it shows as a crash loop.
  playbook('replace-dead', ['instance-died'], [{ move: 'replace', soakMs: 1_500, verifyWithinMs: 30_000 }]),
  playbook('replace-hung', ['instance-hung'], [{ move: 'replace', soakMs: 2_000, verifyWithinMs: 30_000 }]),
  playbook(
    'replace-degraded',
    ['instance-degraded'],
    [{ move: 'replace', soakMs: 5_000, verifyWithinMs: 45_000 }, PAGE],
  ),
  playbook('roll-back', ['version'], [{ move: 'rollback', ...QUICK }, PAGE]),
  playbook(
    'revert',
    ['configuration'],
    [
      { move: 'suspend', also: [{ move: 'revert' }], ...STEADY },
      { move: 'revert', ...QUICK },
      // What piled up while it was wrong may keep it from getting well: less comes in until it has.
      { move: 'revert', also: [{ move: 'shed', parameters: { share: 0.5, minutes: 2 } }], ...STEADY },
      { move: 'recreate', ...STEADY },
      { move: 'reenable', ...STEADY },
      { move: 'resize', ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'restore-missing',
    ['missing'],
    [
      { move: 'suspend', also: [{ move: 'recreate' }, { move: 'revert' }], ...STEADY },
      { move: 'recreate', ...STEADY },
      { move: 'revert', ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'protect-again',
    ['protection'],
    [
      { move: 'suspend', also: [{ move: 'reenable' }, { move: 'revert' }], ...STEADY },
      { move: 'reenable', ...STEADY },
      { move: 'revert', ...STEADY },
      PAGE,
    ],
  ),
  // Of these, only what a control that is violated names as its remedy; see `drafts/ladder.ts`.
  playbook(
    'comply-again',
    ['compliance'],
    [
      { move: 'reenable', also: [{ move: 'revert' }], ...STEADY },
      // Of a version that came with another artefact, going back is a `rollback`.
      { move: 'revert', ...STEADY },
      { move: 'rollback', ...STEADY },
      // That an idle session ends is seen no sooner than it may.
      { move: 'resize', soakMs: 15_000, verifyWithinMs: 5_400_000 },
      { move: 'rotate', ...STEADY },
      { move: 'sync-clock', ...STEADY },
      { move: 'replace', ...STEADY },
      { move: 'back-up', soakMs: 5_000, verifyWithinMs: 1_800_000 },
      { move: 'reroute', ...STEADY },
      // What nothing could bring back to where it may be is refused, and a person is called for it.
      { move: 'quarantine', also: [{ move: 'page' }], ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'stop-the-actor',
    ['actor'],
    [
      { move: 'suspend', also: [{ move: 'revert' }], ...STEADY },
      { move: 'throttle', ...STEADY },
      { move: 'revert', ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'throttle-noisy',
    ['tenant'],
    [
      { move: 'revert', soakMs: 5_000 },
      { move: 'throttle', soakMs: 3_000, verifyWithinMs: 20_000 },
      { move: 'quarantine', soakMs: 3_000 },
      PAGE,
    ],
  ),
  playbook(
    'quarantine-poison',
    ['poison'],
    [
      { move: 'quarantine', ...STEADY },
      { move: 'quarantine', parameters: { widen: true }, ...STEADY },
      { move: 'dead-letter', ...STEADY },
      PAGE,
    ],
  ),
  // Who sees another's data is cut off first; going back comes after, also where cutting off is not lawful. What nothing
  // could mend stays cut off, and a person is called for it.
  playbook(
    'contain-leak',
    ['isolation'],
    [
      {
        move: 'quarantine',
        also: [{ move: 'rollback' }, { move: 'reenable' }, { move: 'revert' }, { move: 'replace' }],
        ...STEADY,
      },
      { move: 'rollback', ...STEADY },
      { move: 'reenable', also: [{ move: 'revert' }], ...STEADY },
      { move: 'revert', ...STEADY },
      { move: 'replace', ...STEADY },
      { move: 'quarantine', also: [{ move: 'page' }], ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'renew-certificate',
    ['certificate'],
    [
      { move: 'revert', ...STEADY },
      { move: 'rotate', ...STEADY },
      { move: 'rotate', also: [{ move: 'restart', parameters: { of: 'holders' } }], ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'renew-credential',
    ['credential'],
    [
      { move: 'revert', ...STEADY },
      { move: 'restart', ...STEADY },
      { move: 'rotate', also: [{ move: 'restart', parameters: { of: 'holders' } }], ...STEADY },
      PAGE,
    ],
  ),
  playbook('set-clock', ['clock'], [{ move: 'sync-clock', ...STEADY }, { move: 'revert', ...STEADY }, PAGE]),
  playbook('end-session', ['session'], [{ move: 'terminate', ...STEADY }, { move: 'suspend', ...STEADY }, PAGE]),
  playbook(
    'unblock-data',
    ['data'],
    [{ move: 'dead-letter', ...STEADY }, { move: 'revert', ...STEADY }, { move: 'terminate', ...STEADY }, PAGE],
  ),
  playbook(
    'leave-what-failed',
    ['infrastructure'],
    [
      { move: 'revert', ...STEADY },
      { move: 'reroute', ...STEADY },
      { move: 'replace', ...STEADY },
      { move: 'scale', ...STEADY },
      { move: 'failover', ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'live-without',
    ['dependency'],
    [{ move: 'revert', ...STEADY }, { move: 'reroute', ...STEADY }, { move: 'failover', ...STEADY }, PAGE],
  ),
  playbook(
    'relieve',
    ['resource'],
    [
      { move: 'suspend', also: [{ move: 'revert' }], ...STEADY },
      { move: 'revert', ...STEADY },
      { move: 'replace', soakMs: 5_000, verifyWithinMs: 45_000 },
      { move: 'resize', ...STEADY },
      { move: 'throttle', ...STEADY },
      PAGE,
    ],
  ),
  playbook(
    'relieve-overload',
    ['overload'],
    [
      { move: 'revert', ...STEADY },
      { move: 'suspend', ...STEADY },
      // One that feeds itself needs relief at once; what comes back little by little finds more who serve.
      {
        move: 'shed',
        parameters: { collapsed: true, minutes: 2.5 },
        also: [{ move: 'scale' }],
        soakMs: 10_000,
        verifyWithinMs: 60_000,
      },
      { move: 'scale', soakMs: 10_000, verifyWithinMs: 60_000 },
      { move: 'shed', ...STEADY },
      PAGE,
    ],
  ),
  // A route that fails hurts nobody else, and refusing it mends nothing: only one that slows the others down is held back.
  playbook(
    'hold-route',
    ['route'],
    [{ move: 'shed', parameters: { share: 0.8 }, soakMs: 10_000, verifyWithinMs: 60_000 }, PAGE],
  ),
  // Nothing is wrong yet: who cannot be added in time is a matter for a person, and nobody is turned away for a forecast.
  playbook('scale-ahead', ['demand'], [{ move: 'scale', ...STEADY }, PAGE]),
  // Nobody is called for an instance too many.
  playbook('scale-back', ['spare'], [{ move: 'scale-in', soakMs: 60_000, verifyWithinMs: 120_000 }]),
  // Whatever it is: what is dead serves nobody, and an equal successor does no harm.
  playbook('replace-what-is-dead', ['unknown'], [{ move: 'replace', soakMs: 5_000, verifyWithinMs: 45_000 }, PAGE]),
  playbook('call-a-person', ['observer'], [PAGE]),
];

function playbook(name: string, answers: readonly Cause[], ladder: readonly Rung[]): Playbook {
  return playbookSchema.parse({
    apiVersion: API_VERSION,
    kind: 'Playbook',
    metadata: { name },
    spec: { answers, ladder },
  });
}
