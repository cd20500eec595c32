import { API_VERSION } from '../resources/metadata.ts';
import { type Cause, type MoveName, type Playbook, playbookSchema } from '../resources/playbook.ts';

interface Rung {
  readonly move: MoveName;
  readonly soakMs?: number;
  readonly verifyWithinMs?: number;
}

/** One playbook per class of incident. A Playbook resource that answers the same cause takes its place. */
export const BUILTIN_PLAYBOOKS: readonly Playbook[] = [
  // A death is certain and its successor is equal: what would still kill it shows as a crash loop.
  playbook('replace-dead', ['instance-died'], [{ move: 'replace', soakMs: 1_500, verifyWithinMs: 30_000 }]),
  playbook('replace-hung', ['instance-hung'], [{ move: 'replace', soakMs: 2_000, verifyWithinMs: 30_000 }]),
  playbook(
    'replace-degraded',
    ['instance-degraded', 'resource'],
    [{ move: 'replace', soakMs: 5_000, verifyWithinMs: 45_000 }, { move: 'page' }],
  ),
  playbook('roll-back', ['version'], [{ move: 'rollback', soakMs: 5_000, verifyWithinMs: 60_000 }, { move: 'page' }]),
  playbook('revert', ['configuration'], [{ move: 'revert', soakMs: 5_000, verifyWithinMs: 60_000 }, { move: 'page' }]),
  playbook(
    'throttle-noisy',
    ['tenant'],
    [
      { move: 'throttle', soakMs: 3_000, verifyWithinMs: 20_000 },
      { move: 'quarantine', soakMs: 3_000 },
      { move: 'page' },
    ],
  ),
  playbook(
    'scale-overloaded',
    ['overload'],
    [{ move: 'scale', soakMs: 10_000, verifyWithinMs: 60_000 }, { move: 'page' }],
  ),
  playbook(
    'call-a-person',
    [
      'unknown',
      'dependency',
      'observer',
      'poison',
      'actor',
      'isolation',
      'certificate',
      'credential',
      'clock',
      'session',
      'data',
      'missing',
      'protection',
      'infrastructure',
    ],
    [{ move: 'page' }],
  ),
];

function playbook(name: string, answers: readonly Cause[], ladder: readonly Rung[]): Playbook {
  return playbookSchema.parse({
    apiVersion: API_VERSION,
    kind: 'Playbook',
    metadata: { name },
    spec: { answers, ladder },
  });
}
