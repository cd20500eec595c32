import type { Status } from './answers.ts';
import { renderRows } from './table.ts';

/** What the stack offers besides what its status says. */
export interface Surroundings {
  /** Folder of the stack's manifests, as the person named it. */
  readonly folder: string;
  /** Names of files in it. */
  readonly files: readonly string[];
  /** How this program is called from where the person stands. */
  readonly command: string;
  /** `--state DIR` where it is not the default, else nothing. */
  readonly stateOption: string;
}

/** What to try next, printed once when the stack is ready; every name in it is one of this stack. */
export function renderNextSteps(status: Status, { folder, files, command, stateOption }: Surroundings): string {
  const kintsugi = (words: string) => `${command} ${words}${stateOption ? ` ${stateOption}` : ''}`;
  const { gateway } = status.addresses;
  const steps = [
    ...drills(status).map(([words, about]) => [kintsugi(words), about]),
    ...releases(folder, files).map(([words, about]) => [kintsugi(words), about]),
    [kintsugi('incident show last'), 'the whole story of what was just healed'],
    [kintsugi('top'), 'watch tenants and instances'],
    [kintsugi('stop --reason "looking" --for 10m'), 'heal nothing for a while; `kintsugi resume` ends it'],
    [kintsugi('ledger verify'), 'prove that the record is whole'],
    [kintsugi('down'), 'end everything (or Ctrl-C here)'],
  ].map((row) => [`  ${row[0] ?? ''}`, row[1] ?? '']);
  return `Ready${gateway ? `: tenants are served on ${gateway}` : ''}. From another terminal:\n${renderRows(steps)}`;
}

type Suggestion = readonly [words: string, about: string];

function drills({ workloads, tenants }: Status): Suggestion[] {
  // The one with most instances is what tenants call, or near to it.
  const workload = [...workloads].sort((a, b) => b.instances.length - a.instances.length)[0];
  const [first, second] = workload?.instances.filter(({ ready, role }) => ready && role === 'occupant') ?? [];
  const loud = tenants.at(-1);
  const steps: Suggestion[] = [];
  if (first) steps.push([`drill kill ${first.id}`, 'kill -9 an instance and see it replaced']);
  if (first?.pid != null)
    steps.push([`status`, `instances and their pids: kill -9 ${first.pid} does the same by hand`]);
  const hung = second ?? first;
  if (hung) steps.push([`drill hang ${hung.id}`, 'an instance that no longer answers']);
  if (workload)
    steps.push([`drill errors ${workload.name}`, 'an instance that fails some requests, if it has the test hook']);
  if (loud) steps.push([`drill noisy-tenant ${loud.name} --key KEY`, 'one tenant too loud for the others']);
  steps.push(['drill kill-control', 'the healer itself dies; traffic goes on']);
  return steps;
}

function releases(folder: string, files: readonly string[]): Suggestion[] {
  const path = (file: string) => (folder === '' ? file : `${folder}/${file}`);
  const release = files.find((file) => /release.*\.ya?ml$/.test(file));
  const configuration = files.find((file) => /bad.*config.*\.ya?ml$/.test(file));
  const steps: Suggestion[] = [];
  if (release) steps.push([`drill bad-release -f ${path(release)}`, 'a release that fails, rolled back']);
  if (configuration)
    steps.push([`drill bad-configuration -f ${path(configuration)}`, 'a setting that fails, taken back']);
  return steps;
}
