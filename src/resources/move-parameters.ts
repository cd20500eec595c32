import { suggestion } from './schema-issue.ts';
import type { MoveName } from './playbook.ts';

/** What a rung of a playbook may tell its move. */
export interface MoveParameter {
  readonly type: 'number' | 'boolean' | 'string';
  /** For people: what the parameter says. */
  readonly means: string;
  /** For people: what is so when it is left out. */
  readonly otherwise: string;
}

const MINUTES = (otherwise: string): MoveParameter => ({
  type: 'number',
  means: 'how long the limit stands, the last part of it letting more and more through',
  otherwise,
});
const WIDEN: MoveParameter = {
  type: 'boolean',
  means: 'the next wider scope: from one kind of request to its route, from a route to the tenant',
  otherwise: 'false',
};
const COLLAPSED: MoveParameter = {
  type: 'boolean',
  means: 'only when next to nothing is answered in time any more',
  otherwise: 'false',
};
const OF: MoveParameter = {
  type: 'string',
  means: '`holders`: who holds the sick asset; `setting`: who runs with the setting as it was before',
  otherwise: 'whoever is sick',
};

/** Parameters by move; a move that is not here has none. Checked when a playbook is loaded, printed in `docs/moves.md`. */
export const MOVE_PARAMETERS: Readonly<Partial<Record<MoveName, Readonly<Record<string, MoveParameter>>>>> = {
  quarantine: { minutes: MINUTES('30'), widen: WIDEN, collapsed: COLLAPSED },
  throttle: {
    minutes: MINUTES('20'),
    widen: WIDEN,
    collapsed: COLLAPSED,
    timesUsual: { type: 'number', means: 'the rate that is left, in times of the usual one', otherwise: '1.5' },
  },
  shed: {
    minutes: MINUTES('5'),
    widen: WIDEN,
    collapsed: COLLAPSED,
    share: { type: 'number', means: 'the share that is refused, from 0 to 1', otherwise: 'what is too much' },
  },
  restart: { of: OF },
  replace: { of: OF },
  scale: { by: { type: 'number', means: 'how many more', otherwise: 'half of the load that came on top' } },
  resize: {
    factor: { type: 'number', means: 'the limit becomes this many times what it is', otherwise: '2' },
    timesMax: { type: 'number', means: 'never more than this many times what was declared or soaked', otherwise: '4' },
  },
  run: {
    command: {
      type: 'string',
      means: 'words separated by blanks, no shell; the first is an absolute path',
      otherwise: '',
    },
    undoCommand: { type: 'string', means: 'the way back of `command`', otherwise: 'none' },
    url: {
      type: 'string',
      means: 'posted to, and for the way back with `undo: true` in the body; HTTPS, or HTTP on this machine',
      otherwise: '',
    },
    ansiblePlaybook: { type: 'string', means: 'absolute path; run by `ansible-playbook`', otherwise: '' },
    undoPlaybook: { type: 'string', means: 'the way back of `ansiblePlaybook`', otherwise: 'none' },
    inventory: { type: 'string', means: 'absolute path; for `ansiblePlaybook`', otherwise: "Ansible's own" },
    terraformDirectory: { type: 'string', means: 'absolute path; `terraform apply -replace` there', otherwise: '' },
    replace: { type: 'string', means: 'address of the one resource that Terraform makes anew', otherwise: '' },
  },
};

/** What is wrong with the parameters of a rung: which one, and what to do about it. Undefined when nothing is. */
export function complaintAbout(
  move: MoveName,
  parameters: Readonly<Record<string, unknown>>,
): { readonly parameter: string; readonly message: string } | undefined {
  const known = MOVE_PARAMETERS[move] ?? {};
  for (const [parameter, value] of Object.entries(parameters)) {
    const type = Object.hasOwn(known, parameter) ? known[parameter]!.type : undefined;
    if (type === undefined) return { parameter, message: unknown(move, parameter, Object.keys(known)) };
    if (typeof value !== type) return { parameter, message: `must be a ${type}` };
  }
  return undefined;
}

function unknown(move: MoveName, parameter: string, known: readonly string[]): string {
  if (known.length === 0) return `unknown parameter; ${move} has none`;
  return `unknown parameter${suggestion(parameter, known) || `; ${move} has ${known.join(', ')}`}`;
}
