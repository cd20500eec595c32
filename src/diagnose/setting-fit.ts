import type { ErrorClass } from '../observe/condition.ts';
import type { SettingKind } from './fleet-view.ts';
import type { Shape, Trouble } from './trouble.ts';

type Fits = Readonly<Partial<Record<Shape | ErrorClass, number>>>;

/** What is between nothing to do with it and just what it does. */
const OTHERWISE = 0.35;

/**
 * How well a kind of setting explains a way of failing: 1 is what it does when it is wrong. What is not named is
 * `OTHERWISE`. Kinds that can do anything are the same for all.
 */
const FITS: Readonly<Record<SettingKind, Fits | number>> = {
  config: 0.85,
  flag: 0.85,
  object: { refused: 1, dns: 0.9, timeout: 0.7, start: 0.9, 'server-error': 0.6, authorization: 0.6 },
  limit: { exhausted: 1, throttled: 1, crash: 1, slow: 0.9, load: 0.9, timeout: 0.8, start: 0.8, refused: 0.7 },
  quota: { exhausted: 1, throttled: 1, start: 1, crash: 0.6, refused: 0.6, load: 0.6 },
  replicas: { load: 1, refused: 1, slow: 0.9, exhausted: 0.9, timeout: 0.8, probe: 0.4 },
  probe: { probe: 1, crash: 1, refused: 0.8, start: 0.9, timeout: 0.4 },
  retry: { timeout: 1, load: 1, exhausted: 0.9, slow: 0.9, throttled: 0.8, refused: 0.5, 'server-error': 0.5 },
  route: {
    refused: 1,
    timeout: 0.9,
    dns: 0.7,
    'server-error': 0.8,
    'invalid-data': 0.6,
    reset: 0.7,
    authorization: 0.5,
  },
  resolver: { dns: 1, timeout: 0.5, refused: 0.4, start: 0.5 },
  policy: { timeout: 1, refused: 1, reset: 0.9, authorization: 0.9, start: 0.8, 'server-error': 0.6 },
  schedule: { exhausted: 0.7, slow: 0.8, load: 0.7, timeout: 0.6 },
  hook: { start: 1, timeout: 0.6, refused: 0.5, authorization: 0.6, 'server-error': 0.5 },
  grant: { authorization: 1, authentication: 0.9, start: 0.8, crash: 0.7, 'server-error': 0.6 },
  protection: { authorization: 0.8, tls: 0.9, authentication: 0.7, slow: 0.5, 'server-error': 0.5 },
};

/** How well a kind explains a trouble: by its shape, and for failures by their classes in their shares. */
export function fitOf(
  kind: SettingKind,
  { shape, errors, symptoms }: Pick<Trouble, 'shape' | 'errors' | 'symptoms'>,
): number {
  const fits = FITS[kind];
  if (typeof fits === 'number') return fits;
  const ofShape = fits[shape] ?? OTHERWISE;
  const classes = Object.entries(errors) as [ErrorClass, number][];
  // What is too slow fails in the end: then what makes slow is as good an explanation.
  const isSlow = symptoms.some(({ name }) => name.endsWith('-slow'));
  const ofSlow = isSlow ? (fits.slow ?? 0) : 0;
  if (shape !== 'errors') return classes.length === 0 ? ofShape : Math.max(ofShape, weighed(fits, classes));
  return Math.max(ofSlow, classes.length === 0 ? 0.7 : weighed(fits, classes));
}

function weighed(fits: Fits, classes: readonly (readonly [ErrorClass, number])[]): number {
  return classes.reduce((sum, [name, share]) => sum + share * (fits[name] ?? OTHERWISE), 0);
}
