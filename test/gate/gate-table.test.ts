import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Footprint, gate, type MoveRules, type TenantRuling } from '../../src/comply/gate.ts';
import { builtinProfiles } from '../../src/resources/builtin-profiles.ts';
import type { Claim } from '../../src/resources/move-rule-words.ts';
import { rulesOf } from '../../src/resources/profile.ts';
import { tenantView } from '../sim/fleet-views.ts';
import { SITUATIONS, type Situation } from './situations.ts';

const RULES: readonly MoveRules[] = builtinProfiles().map(rulesOf);
const PROFILES = { gdpr: 'gdpr', hipaa: 'hipaa', pci: 'pci-dss-4.0.1' } as const;
const LAWS = Object.keys(PROFILES) as (keyof typeof PROFILES)[];
const TENANTS = LAWS.map((law) =>
  tenantView(law, { regions: ['home'], processors: ['own host'], profiles: [PROFILES[law]] }),
);

function footprintOf({ move, deeds, after = {}, shown = [], refuted = [] }: Situation): Footprint {
  const claims: Partial<Record<Claim, boolean>> = {};
  for (const claim of shown) claims[claim] = true;
  for (const claim of refuted) claims[claim] = false;
  return { move, deeds, tenants: LAWS, after, claims };
}

test.each(SITUATIONS)('$move: $when', (situation) => {
  const { tenants } = gate(footprintOf(situation), TENANTS, RULES);
  expect(Object.fromEntries(tenants.map(({ tenant, kind }) => [tenant, kind]))).toEqual(situation.expected);
});

test('who may move and who is held follows from the ruling of each', () => {
  const lost = SITUATIONS.find(({ when }) => when === 'without making erasures again');
  const ruling = gate(footprintOf(lost!), TENANTS, RULES);
  expect(ruling).toMatchObject({ kind: 'deny', permitted: ['hipaa', 'pci'], held: ['gdpr'], clause: 'gdpr Art. 17' });
});

test('each claim that a rule needs decides by itself: taking it away or leaving it open never permits more', () => {
  const rank = { permit: 0, 'needs-approval': 1, deny: 2 };
  for (const situation of SITUATIONS) {
    const whole = gate(footprintOf(situation), TENANTS, RULES);
    for (const claim of situation.shown ?? []) {
      if (RULES.some(({ rules }) => rules?.some(({ barredBy }) => barredBy.includes(claim)))) continue;
      const less = gate(
        footprintOf({ ...situation, shown: (situation.shown ?? []).filter((each) => each !== claim) }),
        TENANTS,
        RULES,
      );
      for (const [index, { kind }] of less.tenants.entries())
        expect(rank[kind]).toBeGreaterThanOrEqual(rank[whole.tenants[index]?.kind ?? 'deny']);
    }
  }
});

test('while the rules cannot be read, a person is called and certificates are renewed, and nothing else', () => {
  const lawful = SITUATIONS.filter((each) => gate(footprintOf(each), TENANTS, undefined).kind === 'permit');
  expect(new Set(lawful.flatMap(({ deeds }) => deeds))).toEqual(new Set(['rotate-certificate', 'page']));
});

test('a deed, a tenant and a profile that nobody knows are denied', () => {
  const tenants = [tenantView('strange', { profiles: ['nobody'] })];
  const footprint: Footprint = { move: 'restart', deeds: ['place'], tenants: ['strange'], after: {}, claims: {} };
  const call: Footprint = { ...footprint, move: 'page', deeds: ['page'] };
  expect(gate(footprint, tenants, RULES).reason).toBe('profile nobody is not known');
  expect(gate(call, tenants, RULES).kind).toBe('permit');
  expect(gate({ ...call, tenants: ['ghost'] }, tenants, RULES).reason).toBe('nothing is known of tenant ghost');
  const strange = { ...footprint, deeds: ['teleport'] } as unknown as Footprint;
  expect(gate(strange, tenants, RULES).reason).toBe('nobody knows what teleport is');
});

/** The whole of docs/gate.md; rewritten with `npx vitest run test/gate -u`. */
test('docs/gate.md says what the gate says', async () => {
  await expect(render()).toMatchFileSnapshot('../../docs/gate.md');
});

function render(): string {
  const rows = SITUATIONS.map((situation, index) => {
    const isFirst = SITUATIONS[index - 1]?.move !== situation.move;
    const { tenants } = gate(footprintOf(situation), TENANTS, RULES);
    return `| ${isFirst ? `\`${situation.move}\`` : ''} | ${situation.when} | ${tenants.map(cell).join(' | ')} |`;
  });
  return `${[
    '# The gate',
    '',
    'May this move be made? The gate answers for each tenant that a move touches, before it is planned and again before each',
    'step, from the rules in `profiles/*.yaml`. The table is made by asking it (`test/gate`), each answer was written down',
    'beforehand by hand, and a test compares the two. The three tenants permit one region, *home*, and one processor.',
    '',
    'What is not known is a no: a tenant, a profile, a place, and a claim that a rule needs and nobody has shown. A move that',
    'is lawful for some and not for others is split where it can be; the others are held where they are, and told why.',
    '',
    '| Move | Situation | GDPR | HIPAA | PCI DSS 4.0.1 |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    'While the rules cannot be read, and under a profile that is not known, the only lawful moves are to call a person and to renew',
    'a certificate. A tenant without any regulation is bound by none: what else keeps a move from being made is in [guards](guards.md).',
    'Where several regulations deny, the first is named with its reason, and the clauses of the others behind it.',
    '',
    '## What follows a permit',
    '',
    '"permit, then ..." is owed from the moment on at which the move was made. Control sees to it within seconds, whoever leads, and puts each',
    'turn on record (`duty.owed`, `duty.met`, `duty.signed`). `kintsugi incident show` tells what came of each; what is open stands in',
    '`kintsugi status` and `kintsugi duties` until somebody signs: `kintsugi duty sign ID --reason "..." --by anna`.',
    '',
    '| Duty | Is met by |',
    '|---|---|',
    '| `check-controls` | all controls of the framework, judged a minute after the move, when what is measured often was measured again; the result is kept with the repair |',
    '| `probe-isolation` | the probes of the separation, once each was measured after the move and is good |',
    '| `update-register` | a new version of the record of processing, or the same when it says the same |',
    '| `assess-breach` | the assessment of the loss of availability, which the watch of losses opens ([breach.md](breach.md)) |',
    '| `keep-snapshot` | the evidence of the incident, which was seen before the move; its digest is named |',
    '| `check-before-traffic` | image, clocks and audit, once each was measured after the move and is good: digests are compared before a start, the others soon after it |',
    '| `update-inventory`, `scan-if-significant` | a person: no machine here can say it |',
    '',
    'Duties are asked for by the gate once more when the move is in the journal, as the law and the fleet are then.',
    '',
    '## Ask it yourself',
    '',
    'Before a change by hand, or in a pipeline: describe moves in a file and ask. Nothing is planned, done or put on record, and',
    'the exit code is 2 when one of them is not permitted. `--from` judges tenants and profiles of manifests, without anything',
    'that runs; without it the running control is asked (`POST /v1/gate`). `kintsugi gate --words` explains every word.',
    '',
    '```sh',
    'kintsugi gate -f examples/clinic/moves.yaml --from examples/clinic/stack.yaml',
    '```',
    '',
    '```yaml',
    ...readFileSync(new URL('../../examples/clinic/moves.yaml', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .slice(1),
    '```',
    '',
    'Without `tenants` a move is judged for everybody. What is left out of `after` stays where it is; a place that nobody can say',
    'is written as `unknown`, which is a no. A claim that is left out is not known.',
  ].join('\n')}\n`;
}

function cell(ruling: TenantRuling): string {
  if (ruling.kind !== 'permit') return `**${ruling.kind}** ${ruling.clause.replace(/^\S+ /, '')}`;
  const duties = [...new Set(ruling.duties.map(({ duty }) => duty))];
  return duties.length === 0 ? 'permit' : `permit, then ${duties.join(', ')}`;
}
