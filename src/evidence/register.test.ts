import { expect, test } from 'vitest';
import { digestOfJson } from '../base/digest.ts';
import { type EntryMaterial, entryOf, type RegisterVersion } from './register.ts';
import { registerMarkdown, registerPage } from './register-page.ts';

const OFFICE = { name: 'Example Hosting', contact: 'privacy@example.org' };
const PROCESSOR = { office: OFFICE, representative: null, dataProtectionOfficer: null };
const NOWHERE = { instances: null, stores: null, backups: null, logs: null, keys: null, support: null };

const material: EntryMaterial = {
  displayName: 'Klinik | am *Park*',
  controller: OFFICE,
  representative: null,
  dataProtectionOfficer: null,
  categories: ['storage of patient records'],
  dataClasses: ['health'],
  regionsPermitted: ['eu', 'eu-west-1', 'us'],
  regionsMeasured: { ...NOWHERE, stores: ['eu', 'ap-1'] },
  processors: { 'Example Mail': 'no agreement on record' },
  measures: {
    'gdpr-art32.1.b': { clause: 'Art. 32(1)(b)', title: 'Isolation', facts: ['rls.enabled of postgresql/records/eu'] },
  },
  safeguards: { us: 'standard clauses of 2021' },
};

test('a region outside of the Union is a transfer, permitted or measured, and needs a ground', () => {
  const entry = entryOf(material, PROCESSOR);
  expect(entry.transfers).toEqual({ 'ap-1': null, us: 'standard clauses of 2021' });
  expect(entry.missing).toEqual(['on what transfers to ap-1 rest (Tenant spec.processing.safeguards)']);
});

test('what the article asks for and nobody has said is named', () => {
  const bare = {
    ...material,
    controller: null,
    categories: [],
    regionsMeasured: NOWHERE,
    measures: {},
    regionsPermitted: ['eu'],
  };
  const { missing } = entryOf(bare, { ...PROCESSOR, office: null });
  expect(missing.map((each) => each.split(' (')[0])).toEqual([
    'name and contact of the processor',
    'name and contact of the controller',
    'categories of processing',
    'where the data are: nothing has measured it',
    'security measures: no control was measured as satisfied',
  ]);
});

const VERSION: RegisterVersion = {
  version: 2,
  digest: digestOfJson({}),
  madeAt: '2026-11-21T08:00:00.000Z',
  madeBy: 'anna',
  register: { form: 1, processor: PROCESSOR, controllers: { clinic: entryOf(material, PROCESSOR) } },
  proof: { clinic: { 'gdpr-art32.1.b': ['rls.enabled of store postgresql/records/eu is true'] } },
};

test('the page and the text say the same, and nothing that people declared is taken for markup', () => {
  const text = registerMarkdown(VERSION);
  expect(text).toContain('## On behalf of Klinik \\| am \\*Park\\*');
  expect(text).toContain('not complete');
  const page = registerPage({ ...VERSION, madeBy: '<script>' });
  expect(page).toContain('&lt;script&gt;');
  for (const said of [
    'storage of patient records',
    'standard clauses of 2021',
    'rls.enabled of store postgresql/records/eu is true',
  ]) {
    expect(page).toContain(said);
    expect(text).toContain(said.replaceAll(/[_]/g, '\\_'));
  }
});
