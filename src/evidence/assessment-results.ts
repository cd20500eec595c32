import type { Json, JsonObject } from '../base/json.ts';
import { PROFILE_FILE as PLAN_FILE, transcriptPath } from './bundle-paths.ts';
import type { ControlRecord, Dossier, ObservationRecord } from './dossier.ts';
import { isAddressed } from './dossier-tally.ts';
import { list, originOf, Paper, prop } from './oscal-paper.ts';
import { relatedRisksOf, risksOf } from './oscal-risks.ts';

/** Of the models of OSCAL that documents are written in. */
const OSCAL_VERSION = '1.2.1';

/** A file of the bundle that the document binds by its digest. */
export interface BoundFile {
  readonly path: string;
  readonly mediaType: string;
  readonly sha256: string;
  readonly title: string;
}

/**
 * OSCAL assessment results (NIST OSCAL 1.2.1) of a dossier. What was measured becomes an observation, each control a
 * finding, each violation a risk with its times, that its end closes, and each repair a response. Unknown is `not-satisfied`
 * with the reason `other`: OSCAL has no third state, and what could not be determined is not a pass. Ids are made of what
 * they name, so the same dossier gives the same document.
 */
export function assessmentResults(dossier: Dossier, files: readonly BoundFile[] = []): JsonObject {
  const paper = new Paper(dossier);
  const { tenant, framework, from, to, madeAt, madeBy } = dossier;
  const title = `${framework.title}: ${tenant.displayName ?? tenant.name}`;
  return {
    'assessment-results': {
      uuid: paper.id('document'),
      metadata: {
        title,
        'last-modified': madeAt,
        version: madeAt,
        'oscal-version': OSCAL_VERSION,
        props: [prop('tenant', tenant.name), prop('framework', framework.name), prop('made-by', madeBy)],
        roles: [{ id: 'assessor', title: 'Measures, heals and records' }],
        parties: [
          { uuid: paper.id('party'), type: 'organization', name: dossier.operator ?? `Operator of ${dossier.ledger}` },
        ],
        'responsible-parties': [{ 'role-id': 'assessor', 'party-uuids': [paper.id('party')] }],
      },
      'import-ap': { href: `#${paper.id('plan')}`, remarks: 'The controls, parameters and checks of the profile' },
      results: [
        {
          uuid: paper.id('result'),
          title,
          description: `Measured continuously from ${from} to ${to}. Findings are as they stood at its end; violations within it are risks, healed ones too.`,
          start: from,
          end: to,
          'local-definitions': localDefinitions(paper),
          'reviewed-controls': reviewedControls(dossier),
          ...list(
            'observations',
            dossier.controls.flatMap((control) => observationsOf(paper, control)),
          ),
          ...list(
            'risks',
            dossier.controls.flatMap((control) => risksOf(paper, control)),
          ),
          findings: dossier.controls.map((control) => findingOf(paper, control)),
        },
      ],
      'back-matter': {
        resources: [
          planResource(paper, files),
          ...files.filter(({ path }) => path !== PLAN_FILE).map((file) => resourceOf(paper, file)),
        ],
      },
    },
  };
}

/** A control of a profile has one objective, of its name: that its checks hold. */
function reviewedControls({ controls }: Dossier): JsonObject {
  return {
    'control-selections': [{ 'include-controls': controls.map(({ id }) => ({ 'control-id': id })) }],
    'control-objective-selections': [{ 'include-objectives': controls.map(({ id }) => ({ 'objective-id': id })) }],
  };
}

/** What was looked at, and with what. */
function localDefinitions(paper: Paper): JsonObject {
  const observed = paper.dossier.controls.flatMap(({ observations }) => observations);
  const subjects = [...new Set(observed.flatMap(({ subject }) => subject ?? []))].toSorted();
  const components = subjects.map((subject) => component(paper.id('subject', subject), subject, 'What was measured'));
  const tool = component(paper.id('tool'), paper.dossier.madeBy, 'Collects facts, judges controls, repairs, records');
  return {
    ...list('components', components),
    'assessment-assets': {
      components: [tool],
      'assessment-platforms': [
        {
          uuid: paper.id('platform'),
          title: 'The running control plane',
          'uses-components': [{ 'component-uuid': paper.id('tool') }],
        },
      ],
    },
  };
}

function component(uuid: string, title: string, description: string): JsonObject {
  return { uuid, type: 'software', title, description, status: { state: 'operational' } };
}

function measuredOf({ observations }: ControlRecord): readonly ObservationRecord[] {
  return observations.filter(({ measuredAt, subject }) => measuredAt !== null && subject !== null);
}

function observationId(paper: Paper, control: ControlRecord, { fact, subject }: ObservationRecord): string {
  return paper.id('observation', control.id, fact, subject ?? '');
}

function observationsOf(paper: Paper, control: ControlRecord): readonly JsonObject[] {
  return measuredOf(control).map((observation) => ({
    uuid: observationId(paper, control, observation),
    title: `${observation.fact} for ${control.id}`,
    description: observation.text,
    props: [prop('collector', observation.collector ?? 'none')],
    methods: ['TEST'],
    types: ['control-objective'],
    origins: [originOf(paper)],
    subjects: [{ 'subject-uuid': paper.id('subject', observation.subject ?? ''), type: 'component' }],
    ...list('relevant-evidence', transcriptOf(observation)),
    collected: observation.measuredAt ?? paper.dossier.to,
    ...(observation.expiresAt === null ? {} : { expires: observation.expiresAt }),
  }));
}

function transcriptOf({ transcript }: ObservationRecord): readonly JsonObject[] {
  if (transcript === null) return [];
  const href = transcriptPath(transcript);
  return [{ href, description: `Transcript of the measurement, ${transcript}` }];
}

function findingOf(paper: Paper, control: ControlRecord): JsonObject {
  const observed = measuredOf(control).map((each) => ({ 'observation-uuid': observationId(paper, control, each) }));
  return {
    uuid: paper.id('finding', control.id),
    title: `${control.clause}: ${control.title}`,
    description: control.paraphrase,
    ...list('props', parametersOf(control)),
    origins: [originOf(paper)],
    target: {
      type: 'objective-id',
      'target-id': control.id,
      ...(control.link === null ? {} : { links: [{ href: control.link, rel: 'reference' }] }),
      status: stateOf(control),
      ...implementationOf(control),
    },
    ...list('related-observations', observed),
    ...list('related-risks', relatedRisksOf(paper, control)),
    ...remarksOf(control),
  };
}

function parametersOf({ parameters }: ControlRecord): readonly JsonObject[] {
  return parameters.map(({ name, value, unit, status }) => prop(name, `${value} ${unit} (${status})`));
}

function stateOf({ status, decidedBy }: ControlRecord): JsonObject {
  if (status === 'satisfied') return { state: 'satisfied', reason: 'pass' };
  if (status === 'not-satisfied') return { state: 'not-satisfied', reason: 'fail' };
  const remarks = decidedBy === null ? 'Could not be determined' : `Not measurable; decided by ${decidedBy}`;
  return { state: 'not-satisfied', reason: 'other', remarks };
}

function implementationOf(control: ControlRecord): Record<string, Json> {
  if (!isAddressed(control)) return {};
  return { 'implementation-status': { state: 'alternative', remarks: control.deviation?.compensatingControl ?? '' } };
}

function remarksOf({ observations, deviation, proof }: ControlRecord): Record<string, Json> {
  const unmeasured = observations.filter(({ measuredAt }) => measuredAt === null).map(({ text }) => text);
  const stood =
    deviation === null ? [] : [`Deviation ${deviation.name}, until ${deviation.expiresAt}: ${deviation.reason}`];
  const served = proof === null ? [] : [`Proof: ${proof}`];
  const remarks = [...unmeasured, ...stood, ...served].join('\n\n');
  return remarks === '' ? {} : { remarks };
}

/** The profile is the plan: what is assessed, by which checks and thresholds. A bundle holds it. */
function planResource(paper: Paper, files: readonly BoundFile[]): JsonObject {
  const { framework } = paper.dossier;
  const own = files.filter(({ path }) => path === PLAN_FILE).map(linkTo);
  const published = framework.source === null ? [] : [{ href: framework.source }];
  return {
    uuid: paper.id('plan'),
    title: `Profile ${framework.name}`,
    description: `${framework.title}: controls, parameters with their legal status, checks.`,
    props: [{ name: 'type', value: 'plan' }],
    ...list('rlinks', [...own, ...published]),
  };
}

function resourceOf(paper: Paper, file: BoundFile): JsonObject {
  const { path, title } = file;
  return { uuid: paper.id('file', path), title, props: [{ name: 'type', value: 'evidence' }], rlinks: [linkTo(file)] };
}

function linkTo({ path, mediaType, sha256 }: BoundFile): JsonObject {
  return { href: path, 'media-type': mediaType, hashes: [{ algorithm: 'SHA-256', value: sha256 }] };
}
