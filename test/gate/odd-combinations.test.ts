import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Footprint, gate, type MoveRules } from '../../src/comply/gate.ts';
import { builtinProfiles } from '../../src/resources/builtin-profiles.ts';
import { DEEDS, type Deed, type Claim, CLAIMS } from '../../src/resources/move-rule-words.ts';
import { rulesOf } from '../../src/resources/profile.ts';
import { tenantView } from '../sim/fleet-views.ts';
import { SITUATIONS } from './situations.ts';

const RULES: readonly MoveRules[] = builtinProfiles().map(rulesOf);
const LAWS = ['gdpr', 'hipaa', 'pci-dss-4.0.1'];
const RANK = { permit: 0, 'needs-approval': 1, deny: 2 };

function tenant(name: string, profiles: readonly string[]) {
  return tenantView(name, { regions: ['home'], processors: ['own host'], profiles: [...profiles] });
}

const deeds = Object.keys(DEEDS) as Deed[];
const claims = Object.keys(CLAIMS) as Claim[];
const places = fc.option(
  fc.oneof(fc.constant('unknown' as const), fc.subarray(['home', 'abroad', 'own host', 'new host'])),
  { nil: undefined },
);
const anyFootprint = fc.record({
  move: fc.constant('it'),
  deeds: fc.subarray(deeds, { minLength: 1, maxLength: 3 }),
  tenants: fc.constant(['one']),
  after: fc.record({
    instances: places,
    data: places,
    backups: places,
    logs: places,
    keys: places,
    processors: places,
  }),
  claims: fc
    .subarray(claims)
    .chain((shown) => fc.constant(Object.fromEntries(shown.map((claim) => [claim, true])) as Footprint['claims'])),
});

test('under several regulations the strictest decides, whatever their order', () => {
  fc.assert(
    fc.property(anyFootprint, fc.shuffledSubarray(LAWS), (footprint, profiles) => {
      const whole = gate(footprint, [tenant('one', profiles)], RULES);
      const each = profiles.map((profile) => gate(footprint, [tenant('one', [profile])], RULES));
      expect(RANK[whole.kind]).toBe(Math.max(0, ...each.map(({ kind }) => RANK[kind])));
      // Whoever reads a denial learns every clause that stands against it.
      const told = `${whole.clause} ${whole.reason}`;
      if (whole.kind === 'deny') for (const one of each) if (one.kind === 'deny') expect(told).toContain(one.clause);
    }),
    { numRuns: 500 },
  );
});

test('a place that nobody can say is never permitted more than one that is known to be right', () => {
  fc.assert(
    fc.property(
      anyFootprint,
      fc.constantFrom(...LAWS),
      fc.constantFrom('instances', 'data', 'backups', 'logs', 'keys', 'processors'),
      (footprint, profile, what) => {
        const known = what === 'processors' ? ['own host'] : ['home'];
        const kind = (where: readonly string[] | 'unknown') =>
          gate({ ...footprint, after: { ...footprint.after, [what]: where } }, [tenant('one', [profile])], RULES).kind;
        expect(RANK[kind('unknown')]).toBeGreaterThanOrEqual(RANK[kind(known)]);
        if (what !== 'processors') expect(kind('unknown')).toBe('deny');
      },
    ),
    { numRuns: 300 },
  );
});

test('a tenant without regulation is bound by none, and one that is unknown by all', () => {
  for (const situation of SITUATIONS) {
    const { move, deeds: done, after = {} } = situation;
    const footprint = { move, deeds: done, tenants: ['free', 'ghost'], after, claims: {} };
    const ruling = gate(footprint, [tenant('free', [])], RULES);
    expect(ruling).toMatchObject({ kind: 'deny', permitted: ['free'], held: ['ghost'] });
  }
});

describe('a lawyer can read every reason', () => {
  test.each(SITUATIONS)('$move: $when', ({ move, deeds: done, after = {}, shown = [], refuted = [] }) => {
    const given = [...shown.map((each) => [each, true]), ...refuted.map((each) => [each, false])];
    const footprint = {
      move,
      deeds: done,
      tenants: LAWS,
      after,
      claims: Object.fromEntries(given) as Footprint['claims'],
    };
    for (const ruling of gate(
      footprint,
      LAWS.map((law) => tenant(law, [law])),
      RULES,
    ).tenants) {
      if (ruling.kind === 'permit') continue;
      expect(ruling.clause).toMatch(/^(?:gdpr Art\. \d|hipaa 164\.\d{3}|pci-dss-4\.0\.1 (?:\d|A1))/);
      expect(ruling.reason).toMatch(
        /^[\w.-]+ (?:may not|needs that|is barred|is never lawful)|^nobody|^(?:data|backups|logs|keys) of /,
      );
      expect(ruling.reason).not.toMatch(/undefined|null|\[object|\bunknown\b/);
      expect(ruling.reason.split(' ').length).toBeGreaterThan(4);
    }
  });
});

test('what is known not to be so is never made so by what follows from elsewhere', () => {
  fc.assert(
    fc.property(anyFootprint, fc.constantFrom(...LAWS), fc.constantFrom(...claims), (footprint, profile, claim) => {
      const { [claim]: _, ...others } = footprint.claims;
      const ask = (known: Footprint['claims']) =>
        gate({ ...footprint, claims: known }, [tenant('one', [profile])], RULES).kind;
      const isBar = claim === 'known-critical-vulnerability' || /lost|stale|silent|off$/.test(claim);
      if (!isBar) expect(RANK[ask({ ...others, [claim]: false })]).toBeGreaterThanOrEqual(RANK[ask(others)]);
    }),
    { numRuns: 500 },
  );
});

test('that who runs the new place is bound can be said of exactly that', () => {
  const move = {
    move: 'it',
    deeds: ['place' as const],
    tenants: ['one'],
    after: { instances: ['home'], processors: ['own host'] },
  };
  const ask = (claims: Footprint['claims'], profile: string) =>
    gate({ ...move, claims }, [tenant('one', [profile])], RULES);
  for (const profile of [...LAWS, 'dora']) {
    expect(ask({ 'processors-bound': true }, profile).kind).toBe('permit');
    expect(ask({ 'agreement-in-force': true }, profile).kind).toBe('permit');
    expect(ask({ 'agreement-in-force': true, 'processors-bound': false }, profile).kind).toBe('deny');
    expect(ask({}, profile).kind).toBe('deny');
  }
});

test('several that deny make one sentence', () => {
  const purge = { move: 'run', deeds: ['purge-logs' as const], tenants: ['one'], after: {}, claims: {} };
  expect(gate(purge, [tenant('one', ['gdpr', 'hipaa'])], RULES).reason).toBe(
    'run is never lawful here: What shows what happened is not destroyed; also against hipaa 164.316(b)(2)(i)',
  );
});
