import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drillEvidence, openDrill, signDrill } from './drill-record.ts';
import { openEvidenceKey } from './dsse.ts';

const REPORT = {
  id: 'drl_1',
  fault: 'rls-dropped',
  target: 'store records/eu',
  by: 'anna',
  with: ['bert', 'anna'],
  startedAt: '2026-11-21T08:00:00.000Z',
  endedAt: '2026-11-21T08:01:00.000Z',
  result: { outcome: 'healed', detectedMs: 900, closedMs: 20_000, incident: 'inc_1', takenBack: false, tenants: null },
};
const turn = (control: string, since: string) => ({
  tenant: 'clinic',
  framework: 'gdpr',
  control,
  status: 'satisfied',
  since,
});

test('a drill is kept with what turned while it ran, and not with what turned before', () => {
  const evidence = drillEvidence(REPORT, [
    turn('gdpr-art32.1.b', '2026-11-21T08:00:20.000Z'),
    turn('gdpr-art30', '2026-11-21T07:59:59.000Z'),
  ]);
  expect(evidence).toMatchObject({
    scenario: 'rls-dropped',
    participants: ['anna', 'bert'],
    detectedAfterMs: 900,
    recoveredAfterMs: 20_000,
    dataLostMs: null,
    controls: [{ control: 'gdpr-art32.1.b' }],
  });
});

test('a drill tells the recovery point beside the recovery time', () => {
  const result = { ...REPORT.result, dataLostMs: 4_000 };
  expect(drillEvidence({ ...REPORT, result }, [])).toMatchObject({ recoveredAfterMs: 20_000, dataLostMs: 4_000 });
});

test('what was not told is null, and no number is made up', () => {
  const bare = drillEvidence({ ...REPORT, result: {} }, []);
  expect(bare).toMatchObject({
    outcome: 'not told',
    detectedAfterMs: null,
    recoveredAfterMs: null,
    incident: null,
    tenants: null,
  });
});

test('its signature holds for what was signed and for nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kintsugi-drill-'));
  const key = openEvidenceKey(folder);
  const evidence = drillEvidence(REPORT, []);
  const envelope = signDrill(evidence, key);
  expect(openDrill(envelope, key.publicKey)).toEqual(evidence);
  const { payload } = JSON.parse(envelope) as { payload: string };
  const better = Buffer.from(JSON.stringify({ ...evidence, detectedAfterMs: 9 })).toString('base64');
  expect(openDrill(envelope.replace(payload, better), key.publicKey)).toBeUndefined();
  rmSync(folder, { recursive: true });
});
