import { expect, test } from 'vitest';
import { builtinProfiles } from './builtin-profiles.ts';
import { checkContract } from './contract.ts';
import { FACT_NAMES } from './fact-kinds.ts';
import { compileProfile, profileSchema } from './profile.ts';
import { tenantSchema } from './tenant.ts';

const profiles = builtinProfiles();
const byName = (name: string) => profiles.find(({ metadata }) => metadata.name === name)!;

test('the frameworks are there, and what is proposed is not law', () => {
  expect(profiles.map(({ metadata, spec }) => `${metadata.name} ${spec.status}`)).toEqual([
    'dora in-force',
    'gdpr in-force',
    'hipaa-nprm-2025 proposed',
    'hipaa in-force',
    'nis2 in-force',
    'pci-dss-4.0.1 in-force',
  ]);
  const drafts = byName('hipaa-nprm-2025').spec.controls.flatMap(({ parameters }) => Object.values(parameters));
  expect(drafts.length).toBeGreaterThan(5);
  expect(drafts.every(({ status }) => status === 'proposed')).toBe(true);
});

test('every control compiles, has an id of its own over all frameworks, and says what to do or who decides', () => {
  const controls = profiles.flatMap((each) => compileProfile(each).controls);
  expect(controls.length).toBeGreaterThan(150);
  expect(new Set(controls.map(({ id }) => id)).size).toBe(controls.length);
  for (const { checks, remedies, decidedBy, evidence } of controls) {
    expect(checks.length > 0 ? remedies.length > 0 : decidedBy !== undefined && evidence !== undefined).toBe(true);
  }
});

test('every fact of the catalogue is asked for by some control', () => {
  const asked = new Set(
    profiles.flatMap(({ spec }) => spec.controls.flatMap(({ checks }) => checks.map(({ fact }) => fact))),
  );
  expect(FACT_NAMES.filter((name) => !asked.has(name))).toEqual([]);
});

const tenant = (contract: readonly object[]) =>
  tenantSchema.parse({
    apiVersion: 'kintsugi.dev/v1alpha1',
    kind: 'Tenant',
    metadata: { name: 'shop' },
    spec: { profiles: ['pci-dss-4.0.1', 'gdpr'], regions: ['eu'], contract },
  });
const agreed = (control: string, parameter: string, value: unknown) => ({
  control,
  parameter,
  value,
  source: 'contract',
});
const complaints = (...contract: readonly object[]) =>
  checkContract(tenant(contract), profiles).map(({ message }) => message);

test('a contract may tighten what is law and set what is our default, and never loosens the law', () => {
  expect(complaints(agreed('pci-8.2.8', 'idleMinutesMax', 10), agreed('pci-8.3.6', 'lengthMin', 16))).toEqual([]);
  expect(complaints(agreed('pci-3.7.4', 'daysMax', 700), agreed('gdpr-art32.1.c', 'rtoMsMax', 86_400_000))).toEqual([]);
  expect(complaints(agreed('pci-8.2.8', 'idleMinutesMax', 30))).toEqual([
    'would loosen the law: it must be at most 15 minutes (8.2.8, pci-8.2.8)',
  ]);
  expect(complaints(agreed('pci-8.3.6', 'lengthMin', 8))).toEqual([
    'would loosen the law: it must be at least 12 characters (8.3.6, pci-8.3.6)',
  ]);
  expect(complaints(agreed('pci-8.2.9', 'idleMinutesMax', 10))[0]).toMatch(
    /no profile of the tenant has a control pci-8\.2\.9; did you mean/,
  );
});

const own = (more: object): unknown => ({
  apiVersion: 'kintsugi.dev/v1alpha1',
  kind: 'Profile',
  metadata: { name: 'own' },
  spec: { title: 'Own', controls: [{ id: 'own-1', clause: '1', title: 'One', paraphrase: 'One', ...more }] },
});
const check = (fact: string, holds: string, more = {}) => own({ checks: [{ fact, holds }], ...more });
const issueOf = (document: unknown) => {
  const { error } = profileSchema.safeParse(document);
  const [issue] = error?.issues ?? [];
  return issue === undefined ? 'accepted' : `${issue.path.slice(3).join('.')}: ${issue.message}`;
};

test.each([
  [
    'a check that names what it is not given',
    check('backup.ageHours', 'valu <= 1.0'),
    /checks\.0\.holds: .*Unknown variable: valu/,
  ],
  ['a check of another type', check('rls.enabled', 'value <= 1.0'), /no such overload: bool <= double/],
  ['a check that gives no truth', check('backup.ageHours', 'value + 1.0'), /must give true or false, and gives double/],
  ['whole numbers among others', check('backup.ageHours', 'value == 0'), /written with a point: 30\.0/],
  ['a check that cannot be read', check('backup.ageHours', 'value <= ('), /is not a valid expression/],
  [
    'a check that never ends',
    check('backup.ageHours', `${'!'.repeat(400)}(value <= 1.0)`),
    /is not a valid expression/,
  ],
  ['a fact that nobody knows', check('backup.ageHour', 'value <= 1.0'), /checks\.0\.fact: /],
  ['an id out of form', check('backup.ageHours', 'value <= 1.0', { id: '8.2.8' }), /id: must be an OSCAL id/],
  [
    'an id with brackets',
    check('backup.ageHours', 'value <= 1.0', { id: 'hipaa-164.312(a)' }),
    /id: must be an OSCAL id/,
  ],
  ['neither check nor person', own({}), /checks: needs a check, or `decidedBy`/],
])('%s is refused', (_, document, expected) => {
  expect(issueOf(document)).toMatch(expected);
});

test('a profile of people is accepted beside the others', () => {
  expect(issueOf(check('backup.ageHours', 'value <= 1.0'))).toBe('accepted');
  expect(profileSchema.parse(check('backup.ageHours', 'value <= 1.0')).spec.moves.residency).toBe('strict');
});
