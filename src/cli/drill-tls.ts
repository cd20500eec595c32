import type { Workload } from '../resources/workload.ts';
import type { ControlFault } from './drill-control-fault.ts';
import type { Preparation } from './drill-faults.ts';
import { ordered } from './drill-service.ts';
import { declaredWorkloads } from './drill-store.ts';
import { chooseInstance, refuse } from './drill-target.ts';
import { readOutlook } from './plan-apply.ts';

const OLD_FACTS: ControlFault['facts'] = ['tls.protocol.lowest', 'tls.cipher.weak'];

/**
 * Somebody lets old clients in again: the listener takes TLS 1.0 and whatever ciphers that has. With a file (`-f`) the
 * configuration in it does it, which can be put back; without one a process does by itself.
 */
export function oldTls(preparation: Preparation): Promise<ControlFault> {
  if (preparation.options.file) return oldTlsBy(preparation, preparation.options.file);
  return tlsFault(preparation, 'tls-1.0', 0, OLD_FACTS, 'accepts TLS 1.0');
}

/** A certificate of the same authority, with some days left or none. */
export async function certificateOf(preparation: Preparation, days: number): Promise<ControlFault> {
  const left = days === 0 ? 'a certificate that has expired' : `a certificate that expires in ${days} days`;
  return tlsFault(preparation, 'certificate', days, ['tls.certificate.daysLeft', 'tls.chain.valid'], `shows ${left}`);
}

async function tlsFault(
  preparation: Preparation,
  fault: string,
  parameter: number,
  facts: ControlFault['facts'],
  what: string,
): Promise<ControlFault> {
  const { status, target } = preparation;
  const workload = (await declaredWorkloads(preparation)).find(({ spec }) => spec.tls);
  if (!workload) throw refuse('no workload speaks TLS: apply examples/clinic/portal.yaml');
  const chosen = chooseInstance(status, target ?? workload.metadata.name);
  const { id, region, ordinal } = chosen.instance;
  const subjects = [`${chosen.workload.name}/${region}/${ordinal}`];
  return ordered(preparation, chosen, { fault, parameter, facts, subjects, about: `${id} ${what}`, scheme: 'https' });
}

async function oldTlsBy({ invocation, status, options }: Preparation, file: readonly string[]): Promise<ControlFault> {
  const { documents, current } = await readOutlook(invocation, file);
  const workloads = documents
    .map(({ resource }) => resource)
    .filter((each): each is Workload => each.kind === 'Workload');
  const [workload] = workloads;
  if (!workload?.spec.tls || documents.length > 1)
    throw refuse('the file must hold one workload with `tls`, and nothing else');
  const { name } = workload.metadata;
  const before = status.workloads.find((each) => each.name === name);
  if (!before || current.length === 0) throw refuse(`${name} does not run: apply examples/clinic/portal.yaml`);
  const baseFolder = documents[0]!.baseFolder;
  const by = invocation.actor(options.by);
  const subjects = before.instances.map(({ region, ordinal }) => `${name}/${region}/${ordinal}`);
  return {
    target: `workload ${name}`,
    about: `apply ${file.join(', ')}, by which ${name} accepts TLS 1.0`,
    facts: OLD_FACTS,
    subjects,
    words: subjects,
    undo: { kind: 'apply', workload: name, version: before.targetVersion, baseFolder, resources: current, by },
    async inject() {
      await invocation.ask('POST', '/v1/apply', { documents, by });
    },
  };
}
