import type { ControlRecord, Dossier } from './dossier.ts';

const at = (minute: number) =>
  `2026-11-20T${String(8 + Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}:00.000Z`;

const CONTROL: ControlRecord = {
  id: 'gdpr-art32.1.b',
  clause: 'Art. 32(1)(b)',
  link: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj#art_32',
  title: 'Isolation holds',
  paraphrase: 'Only who may see data of a tenant can see them.',
  level: 'required',
  parameters: [{ name: 'foreignRowsMax', value: '0', unit: 'rows', status: 'in-force', source: 'Art. 32(1)(b)' }],
  status: 'satisfied',
  spans: [{ status: 'satisfied', from: at(0), to: at(240) }],
  observations: [
    {
      fact: 'rls.enabled',
      subject: 'store postgresql/records/eu',
      status: 'satisfied',
      text: 'rls.enabled of store postgresql/records/eu is true; asked for: value',
      measuredAt: at(239),
      expiresAt: at(244),
      collector: 'postgresql',
      transcript: `sha256:${'ab'.repeat(32)}`,
    },
  ],
  deviation: null,
  decidedBy: null,
  proof: null,
  entries: ['evt_1'],
};

/** A dossier with one of everything: for tests of what is made of it. */
export const SAMPLE: Dossier = {
  version: 1,
  tenant: { name: 'clinic-de', displayName: 'Klinik <am> Stadtpark & Söhne' },
  framework: {
    name: 'gdpr',
    title: 'General Data Protection Regulation',
    source: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj',
  },
  from: at(0),
  to: at(240),
  madeAt: at(241),
  madeBy: 'kintsugi 0.1.0',
  ledger: 'kintsugi.dev/ledger/0123456789abcdef',
  controls: [
    CONTROL,
    {
      ...CONTROL,
      id: 'gdpr-art32.1.a',
      clause: 'Art. 32(1)(a)',
      title: 'Encryption in transit',
      paraphrase: 'Personal data are encrypted on their way.',
      level: 'addressable',
      status: 'not-satisfied',
      spans: [
        { status: 'satisfied', from: at(0), to: at(60) },
        { status: 'not-satisfied', from: at(60), to: at(61) },
        { status: 'satisfied', from: at(61), to: at(200) },
        { status: 'not-satisfied', from: at(200), to: at(240) },
      ],
      observations: [
        { ...CONTROL.observations[0]!, fact: 'tls.protocol.lowest', status: 'not-satisfied', transcript: null },
      ],
      deviation: {
        name: 'tls-in-the-lab',
        owner: 'anna',
        reason: 'no clients yet',
        compensatingControl: 'VPN',
        expiresAt: at(600),
      },
      entries: ['evt_2', 'evt_3'],
    },
    {
      ...CONTROL,
      id: 'gdpr-art35',
      clause: 'Art. 35',
      link: null,
      title: 'Impact assessment',
      paraphrase: 'Risky processing is assessed before it begins.',
      parameters: [],
      status: 'unknown',
      spans: [{ status: 'unknown', from: at(0), to: at(240) }],
      observations: [
        {
          ...CONTROL.observations[0]!,
          fact: 'records.dpia.ageDays',
          subject: null,
          status: 'unknown',
          text: 'no collector has measured records.dpia.ageDays',
          measuredAt: null,
          expiresAt: null,
          collector: null,
          transcript: null,
        },
      ],
      decidedBy: 'the controller',
      proof: 'the signed assessment',
      entries: [],
    },
  ],
  incidents: [
    {
      id: 'inc_1',
      cause: 'protection',
      subject: 'setting records/eu/rls',
      summary: 'Row-level security of records was switched off',
      detectedAt: at(60),
      openedAt: at(60),
      closedAt: at(61),
      outcome: 'healed',
      refusal: null,
      otherTenants: 1,
      controls: ['gdpr-art32.1.a'],
      repairs: [
        {
          id: 'rep_1',
          moves: ['reenable'],
          startedAt: at(60),
          endedAt: at(61),
          outcome: 'healed',
          approvedBy: ['anna'],
        },
      ],
      entries: ['evt_4'],
    },
  ],
  drills: [
    { id: 'drl_1', scenario: 'kill', startedAt: at(30), outcome: 'healed', detectedAfterMs: 40, healedAfterMs: 2_300 },
  ],
};
