import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import type { Json } from '../base/json.ts';
import { assessmentResults } from './assessment-results.ts';
import { checkOscal } from './oscal-check.ts';
import { SAMPLE } from './sample-dossier.ts';

const SCHEMA = new URL('../../test/fixtures/oscal/assessment-results-schema.json', import.meta.url);
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats.default(ajv);
const isValid = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);

const FILE = { path: 'report.html', mediaType: 'text/html', sha256: 'cd'.repeat(32), title: 'The report' };
const made = () => assessmentResults(SAMPLE, [FILE]);

/** The document with the first value of a key changed, wherever it stands below `below`. */
function changed(below: string, key: string, value: Json): Json {
  let isDone = false;
  return JSON.parse(JSON.stringify(made()), function (this: Record<string, unknown>, name, each: unknown) {
    if (name !== below || isDone) return each;
    const text = JSON.stringify(each).replace(new RegExp(`"${key}":"[^"]*"`), () => {
      isDone = true;
      return `"${key}":${JSON.stringify(value)}`;
    });
    return JSON.parse(text) as unknown;
  }) as Json;
}

test('is valid by the schema of OSCAL 1.2.1, and by what the schema cannot say', () => {
  expect(isValid(made()), JSON.stringify(isValid.errors)).toBe(true);
  expect(checkOscal(made())).toEqual([]);
});

test('a dossier in which nothing was measured is valid too', () => {
  const bare = { ...SAMPLE, incidents: [], drills: [], controls: SAMPLE.controls.slice(2) };
  expect(isValid(assessmentResults(bare)), JSON.stringify(isValid.errors)).toBe(true);
  expect(checkOscal(assessmentResults(bare))).toEqual([]);
});

test('what could not be determined is not a pass, a violation of a minute is a closed risk, an alternative is told', () => {
  const text = JSON.stringify(made());
  const { results } = (
    made() as { 'assessment-results': { results: [{ findings: Json[]; risks: { status: string }[] }] } }
  )['assessment-results'];
  expect(results[0].findings[2]).toMatchObject({ target: { status: { state: 'not-satisfied', reason: 'other' } } });
  expect(results[0].findings[1]).toMatchObject({ target: { 'implementation-status': { state: 'alternative' } } });
  expect(results[0].risks.map(({ status }) => status)).toEqual(['closed', 'deviation-approved']);
  expect(text).toContain('"lifecycle":"completed"');
});

test('the same dossier gives the same document', () => {
  expect(JSON.stringify(made())).toBe(JSON.stringify(made()));
});

test.each([
  ['related-risks', 'risk-uuid', '11111111-1111-4111-8111-111111111111', 'nothing has the id'],
  ['actors', 'actor-uuid', '11111111-1111-4111-8111-111111111111', 'nothing has the id'],
  ['import-ap', 'href', '#11111111-1111-4111-8111-111111111111', 'no resource has the id'],
  ['target', 'target-id', 'gdpr-art99', 'not among the reviewed objectives'],
  ['actors', 'type', 'wizard', 'must be one of tool'],
  ['actors', 'type', 'party', 'is one of components, not of parties'],
  ['subjects', 'type', 'party', 'is one of components, not of parties'],
  ['components', 'type', 'thing', 'must be one of this-system'],
  ['observations', 'expires', '2001-01-01T00:00:00Z', 'is before collected'],
  ['responsible-parties', 'role-id', 'nobody', 'no role is nobody'],
  ['target', 'state', 'maybe', 'must be one of satisfied'],
  ['risks', 'status', 'forgotten', 'must be one of open'],
  ['remediations', 'lifecycle', 'done', 'must be one of recommendation'],
  ['rlinks', 'algorithm', 'MD5', 'must be one of SHA-224'],
])('a document whose %s has a wrong %s is told', (below, key, value, message) => {
  const told = checkOscal(changed(below, key, value)).map((each) => each.message);
  expect(told.join('\n')).toContain(message);
});

test('a document whose plan leads nowhere, whose risk closed by itself, or whose control is reviewed twice is told', () => {
  const told = (change: (text: string) => string) =>
    checkOscal(JSON.parse(change(JSON.stringify(made()))) as Json).map(({ message }) => message);
  expect(told((text) => text.replace(/,"rlinks":\[\{"href":"https:[^\]]*\]/, ''))).toEqual([
    'the resource leads nowhere: no rlink, no base64',
  ]);
  expect(told((text) => text.replace('"status-change":"closed"', '"status-change":"open"'))).toEqual([
    'is closed, and the log does not say when',
  ]);
  expect(told((text) => text.replace(`,"ns":"https://kintsugi.dev/ns/oscal"`, ''))).toEqual([
    'tenant: clinic-de is no property of OSCAL here; one of our own needs its ns',
  ]);
  const [control] = SAMPLE.controls;
  const twice = `{"control-id":"${control!.id}"}`;
  expect(told((text) => text.replace(twice, `${twice},${twice}`))).toEqual([
    `${control!.id} is reviewed 2 times, and should be once`,
  ]);
});

test('the plan is the profile in the bundle, with its digest', () => {
  const profile = {
    path: 'profile.json',
    mediaType: 'application/json',
    sha256: 'ef'.repeat(32),
    title: 'The framework',
  };
  const document = assessmentResults(SAMPLE, [FILE, profile]);
  expect(isValid(document), JSON.stringify(isValid.errors)).toBe(true);
  expect(checkOscal(document)).toEqual([]);
  const { 'import-ap': plan, 'back-matter': back } = (
    document as { 'assessment-results': { 'import-ap': { href: string }; 'back-matter': { resources: Json[] } } }
  )['assessment-results'];
  const uuid = plan.href.slice(1);
  expect(back.resources).toHaveLength(2);
  expect(back.resources).toContainEqual(
    expect.objectContaining({
      uuid,
      rlinks: expect.arrayContaining([
        {
          href: 'profile.json',
          'media-type': 'application/json',
          hashes: [{ algorithm: 'SHA-256', value: 'ef'.repeat(32) }],
        },
      ]),
    }),
  );
});

test('an id that two things have is told', () => {
  const text = JSON.stringify(made());
  const [first, second] = [...text.matchAll(/"uuid":"([^"]+)"/g)].map((match) => match[1]!);
  const told = checkOscal(JSON.parse(text.replaceAll(second!, first!)) as Json);
  expect(told.some(({ message }) => message.includes('too'))).toBe(true);
});
