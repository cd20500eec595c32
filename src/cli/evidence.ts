import type { Command } from 'commander';
import { KinError } from '../base/errors.ts';
import { PRODUCT } from '../base/product.ts';
import { readBundle } from '../evidence/bundle-folder.ts';
import { type BundleVerdict, verifyBundle } from '../evidence/bundle-verifier.ts';
import { tallyOf } from '../evidence/dossier-tally.ts';
import { openEvidenceKey } from '../evidence/dsse.ts';
import type { Binder, Invocation } from './invocation.ts';
import { requiredPolicy, TRUST_OPTIONS, type TrustOptions } from './log-target.ts';
import type { Paint } from './paint.ts';

export function declareEvidence(program: Command, binder: Binder): void {
  const evidence = program.command('evidence').description('bundles of evidence, as `report` writes them');
  const verify = evidence
    .command('verify')
    .description('check a bundle offline; exit code 2 when anything in it was changed')
    .argument('<folder>', 'the bundle')
    .option(...TRUST_OPTIONS[0])
    .option(...TRUST_OPTIONS[1]);
  binder.bind<TrustOptions>(verify, (invocation, options, folder) => runVerify(invocation, options, folder ?? ''));
  const key = evidence
    .command('key')
    .description('print the public key that bundles of this state directory are signed with');
  binder.bind(key, async (invocation) => {
    const { publicKey, id } = openEvidenceKey(invocation.state.secrets);
    invocation.print({ id, publicKey }, () => publicKey);
  });
}

async function runVerify(invocation: Invocation, options: TrustOptions, folder: string): Promise<void> {
  const policy = requiredPolicy(options);
  const verdict = await verifyBundle(readBundle(folder), policy, PRODUCT);
  invocation.print(documentOf(verdict), () => render(verdict, folder, invocation.paint));
  if (verdict.kind === 'tampered') {
    const details = { file: verdict.file };
    throw new KinError('evidence.tampered', `${verdict.file} ${verdict.reason}`, { details });
  }
  if (verdict.kind === 'unwitnessed') throw new KinError('ledger.unwitnessed', 'the receipts of the bundle');
}

function documentOf(verdict: BundleVerdict): unknown {
  if (verdict.kind === 'tampered') return verdict;
  const { dossier, ...rest } = verdict;
  const { tenant, framework, from, to, madeAt, madeBy, ledger } = dossier;
  return {
    ...rest,
    tenant: tenant.name,
    framework: framework.name,
    from,
    to,
    madeAt,
    madeBy,
    ledger,
    tally: tallyOf(dossier),
  };
}

function render(verdict: BundleVerdict, folder: string, paint: Paint): string {
  if (verdict.kind === 'tampered') return `${paint('red', 'tampered')}: ${verdict.file} ${verdict.reason}\n`;
  const { dossier, files, receipts, isCompared } = verdict;
  const { satisfied, notSatisfied, unknown } = tallyOf(dossier);
  const compared = isCompared
    ? 'the page, the PDF and the OSCAL document say what the dossier says'
    : `made by ${dossier.madeBy}, which alone can make the page and the PDF again: not compared`;
  return [
    `${paint(verdict.kind === 'sound' ? 'green' : 'yellow', verdict.kind)}: ${folder}, ${files} files, ${receipts + 1} receipts of ${dossier.ledger}`,
    `  ${dossier.tenant.name} under ${dossier.framework.name}, ${dossier.from} to ${dossier.to}`,
    `  ${satisfied} satisfied, ${notSatisfied} not satisfied, ${unknown} not determined`,
    `  ${compared}`,
    '',
  ].join('\n');
}
