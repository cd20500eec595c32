import fc from 'fast-check';
import { MOVE_PARAMETERS } from './move-parameters.ts';
import { AUTONOMY, CAUSES, MOVES, type MoveName } from './playbook.ts';
import { ENVIRONMENTS } from './policy.ts';
import { type Kind, type Resource, SCHEMAS } from './resource.ts';

/** Resources of all kinds for property tests, with texts that YAML could take for something else. */
const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/);
const text = fc.oneof(
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '010',
    '1e3',
    '0x1f',
    '2026-01-01',
    '---',
    '- a',
    'a: b',
    '# no',
    '"',
    "'",
    ' x ',
    '',
    '!tag',
    '*a',
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('a', '\n', ' ', '\t', ':', '#'), maxLength: 20 }),
);
const someText = text.filter((value) => value.length > 0);
const variable = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const durationMs = fc.integer({ min: 20, max: 86_400_000 });

const specs: Readonly<Record<Kind, fc.Arbitrary<unknown>>> = {
  Tenant: fc.record(
    {
      regions: fc.array(name, { minLength: 1, maxLength: 3 }),
      displayName: text,
      profiles: fc.array(name, { maxLength: 2 }),
      objectives: fc.record({ availability: fc.double({ min: 0.5, max: 0.99999, noNaN: true }) }),
      identify: fc.record({
        headers: fc.array(fc.record({ name: someText, value: someText }), { maxLength: 2 }),
        pathPrefixes: fc.array(
          text.map((value) => `/${value}`),
          { maxLength: 2 },
        ),
      }),
      requireKey: fc.boolean(),
    },
    { requiredKeys: ['regions'] },
  ),
  Workload: fc.record(
    {
      artefact: fc.record({ path: someText }),
      command: fc.array(someText, { minLength: 1, maxLength: 3 }),
      instances: fc.dictionary(name, fc.integer({ min: 0, max: 1_000 }), { maxKeys: 3, noNullPrototype: true }),
      config: fc.dictionary(variable, text, { maxKeys: 3, noNullPrototype: true }),
      liveness: fc.record({
        type: fc.constant('exec'),
        command: fc.array(text, { minLength: 1, maxLength: 2 }),
        intervalMs: durationMs,
      }),
      resources: fc.record({ cpus: fc.double({ min: 0.01, max: 64, noNaN: true }) }),
    },
    { requiredKeys: ['artefact', 'command', 'instances'] },
  ),
  Playbook: fc.record({
    answers: fc.array(fc.constantFrom(...CAUSES), { minLength: 1, maxLength: 3 }),
    autonomy: fc.constantFrom(...AUTONOMY),
    ladder: fc.array(
      fc.constantFrom(...MOVES).chain((move) => fc.record({ move: fc.constant(move), parameters: parametersOf(move) })),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  Profile: fc.record({ title: someText }),
  Freeze: fc.record({
    reason: someText,
    from: fc.constant('2026-01-01T00:00:00Z'),
    until: fc.constant('2026-01-02T00:00:00+01:00'),
  }),
  Exception: fc.record({
    control: fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,20}$/),
    owner: someText,
    reason: someText,
    compensatingControl: someText,
    expires: fc.constant('2027-01-01T00:00:00Z'),
  }),
  Policy: fc.record({
    environment: fc.constantFrom(...ENVIRONMENTS),
    drills: fc.record({ ageDaysMax: fc.constantFrom(null, 1, 30) }, { requiredKeys: [] }),
    destructive: fc.array(fc.constantFrom(...MOVES), { maxLength: 2 }),
    thresholds: fc.record({ 'panic.shareMin': fc.double({ min: 0.1, max: 1, noNaN: true }) }, { requiredKeys: [] }),
  }),
};

export const arbitraryResource: fc.Arbitrary<Resource> = fc
  .constantFrom(...(Object.keys(specs) as Kind[]))
  .chain((kind) =>
    fc.tuple(
      fc.constant(kind),
      kind === 'Policy' ? fc.constant('default') : name,
      specs[kind],
      fc.dictionary(name, text, { maxKeys: 2, noNullPrototype: true }),
    ),
  )
  .map(([kind, name, spec, annotations]) =>
    SCHEMAS[kind].parse({ apiVersion: 'kintsugi.dev/v1alpha1', kind, metadata: { name, annotations }, spec }),
  );

const VALUES = { string: text, boolean: fc.boolean(), number: fc.integer() };

function parametersOf(move: MoveName): fc.Arbitrary<Record<string, unknown>> {
  const known = Object.entries(MOVE_PARAMETERS[move] ?? {});
  return fc.record(Object.fromEntries(known.map(([name, { type }]) => [name, VALUES[type]])), { requiredKeys: [] });
}
