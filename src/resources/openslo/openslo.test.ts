import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KinError } from '../../base/errors.ts';
import { type Tenant, tenantSchema } from '../tenant.ts';
import { exportObjectives } from './openslo-export.ts';
import { importObjectives } from './openslo-import.ts';
import type { BurnPolicy } from './openslo-terms.ts';

const DAY_MS = 86_400_000;
const burns = fc
  .record({ factor: fc.double({ min: 0.5, max: 100, noNaN: true }), minutes: fc.integer({ min: 5, max: 10_000 }) })
  .chain((first) =>
    fc.record({
      periodMs: fc.integer({ min: 1, max: 90 }).map((days) => days * DAY_MS),
      alerts: fc.constant([
        { name: 'quick', severity: 'page', factor: first.factor, longMs: first.minutes * 60_000, shortMs: 60_000 },
      ]),
    }),
  );

const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/).filter((each) => each !== 'constructor');
const numbers = {
  availability: fc.double({ min: 0.5, max: 0.99999, noNaN: true }),
  latencyMs: fc.integer({ min: 1, max: 10_000_000 }),
};
const routes = fc
  .dictionary(name, fc.record(numbers, { requiredKeys: [] }), { maxKeys: 3, noNullPrototype: true })
  .map((given) => Object.entries(given).map(([named, each]) => ({ name: named, pathPrefix: `/${named}`, ...each })));
const objectives = fc.record({ ...numbers, routes });
type Given = { readonly routes: readonly { readonly name: string; readonly pathPrefix: string }[] };

/** The tenant before anybody promised it anything, with its classes of routes. */
function bare(named: string, { routes: given }: Given): Tenant {
  return tenant(named, { routes: given.map(({ name: of, pathPrefix }) => ({ name: of, pathPrefix })) });
}

/** What holds: a class says nothing where it is to be as the tenant. */
function promisedTo({ metadata, spec }: Tenant) {
  const { routes: own, ...whole } = spec.objectives;
  const numbersOf = own.map(({ name: of, availability = whole.availability, latencyMs = whole.latencyMs }) => ({
    name: of,
    availability,
    latencyMs,
  }));
  return { name: metadata.name, whole, routes: numbersOf };
}

function tenant(named: string, objectives?: object): Tenant {
  const envelope = { apiVersion: 'kintsugi.dev/v1alpha1', kind: 'Tenant', metadata: { name: named } };
  return tenantSchema.parse({ ...envelope, spec: { regions: ['eu'], ...(objectives ? { objectives } : {}) } });
}

const source = (text: string) => [{ file: 'slo.yaml', folder: '/', text }];

test('objectives come back from OpenSLO as they were, to the last digit', () => {
  fc.assert(
    fc.property(fc.dictionary(name, objectives, { maxKeys: 5, noNullPrototype: true }), burns, (given, policy) => {
      const promised = Object.entries(given).map(([named, each]) => tenant(named, each));
      const before = Object.entries(given).map(([named, each]) => bare(named, each));
      const text = exportObjectives(promised, policy);
      const { tenants, warnings } = importObjectives(source(text), before, policy);
      const after = before.map((each) => tenants.find(({ metadata }) => metadata.name === each.metadata.name) ?? each);
      expect(after.map(promisedTo)).toEqual(promised.map(promisedTo));
      expect(warnings).toEqual([]);
      // And once more: there is nothing left to change.
      expect(importObjectives(source(text), after, policy)).toEqual({ tenants: [], changes: [], warnings: [] });
    }),
    { numRuns: 50, seed: 6 },
  );
});

const BURNS: BurnPolicy = {
  periodMs: 30 * DAY_MS,
  alerts: [{ name: 'quick', severity: 'page', factor: 14.4, longMs: 3_600_000, shortMs: 300_000 }],
};

function messageOf(text: string): string {
  try {
    importObjectives(source(text), [tenant('shop')], BURNS);
  } catch (error) {
    return (error as KinError).message;
  }
  return '';
}

test('a second objective for the same of a tenant names the first', () => {
  const text = exportObjectives([tenant('shop')], BURNS);
  const twice = `${text}---\n${text.slice(text.lastIndexOf('apiVersion'))}`;
  expect(messageOf(twice)).toMatch(/shop has its objective for latency from slo\.yaml:\d+ already; keep one/);
});

test('a class of routes that the tenant does not declare is refused, with where and what it has', () => {
  const shop = tenant('shop', { routes: [{ name: 'exports', pathPrefix: '/exports' }] });
  const text = exportObjectives([shop], BURNS);
  const wrong = text.replaceAll('kintsugi.dev/route-class: exports', 'kintsugi.dev/route-class: export');
  expect(() => importObjectives(source(wrong), [shop], BURNS)).toThrow(
    /shop declares no class of routes "export".*exports/,
  );
  expect(messageOf(text)).toContain('shop declares no class of routes "exports"');
});

test('whatever stands in a file, it is refused as a manifest is, and nothing else is thrown', () => {
  const text = exportObjectives([tenant('shop')], BURNS);
  const words = fc.constantFrom(
    'kind: SLO',
    'target: .nan',
    '- 1',
    'spec: []',
    'objectives: {}',
    '\u0000',
    '&a *a',
    '?',
    'value: 1e999',
  );
  fc.assert(
    fc.property(fc.nat({ max: text.length }), fc.nat({ max: 60 }), words, (at, cut, word) => {
      const broken = text.slice(0, at) + word + text.slice(at + cut);
      try {
        importObjectives(source(broken), [tenant('shop')], BURNS);
      } catch (error) {
        expect(error).toMatchObject({ code: 'manifest.invalid' });
        expect((error as KinError).message).toMatch(/slo\.yaml:\d+:\d+: /);
      }
    }),
    { numRuns: 300, seed: 6 },
  );
});
