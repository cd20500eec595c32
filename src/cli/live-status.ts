import type { Status, WorkloadStatus } from './answers.ts';
import { clockLines } from './breach-clocks.ts';
import { type Paint, paintWord } from './paint.ts';
import { clip, renderRows } from './table.ts';

/** What `kintsugi up` shows while it runs. */
export interface LiveStatus {
  /** Draws the status anew. Without a terminal it does nothing. */
  update(status: Status): void;
  /** Prints an event, above the status. `text` is one line. */
  line(text: string): void;
  /** Leaves the last status standing; what is printed afterwards comes below it. */
  end(): void;
}

export interface LiveStatusOptions {
  readonly stdout: { write(text: string): unknown };
  readonly isTty: boolean;
  /** Width of the terminal now; it may change. */
  readonly columns: () => number;
  readonly paint: Paint;
  /** Stamps events where nobody redraws: the time now, as it is printed. */
  readonly stamp: () => string;
}

const ERASE_BELOW = '\x1b[J';

/** On a terminal a block that stays at the bottom; elsewhere only the events, each with its time. */
export function createLiveStatus({ stdout, isTty, columns, paint, stamp }: LiveStatusOptions): LiveStatus {
  let block: readonly string[] = [];
  // Lines are cut to the width, so each takes one row and as many have to be gone back.
  const back = () => (block.length > 0 ? `\x1b[${block.length}A\r${ERASE_BELOW}` : '');
  const draw = () => block.map((line) => `${clipStyled(line, columns() - 1)}\n`).join('');
  return {
    update(status) {
      if (!isTty) return;
      const erase = back();
      block = renderBlock(status, paint);
      stdout.write(`${erase}${draw()}`);
    },
    line(text) {
      if (isTty) stdout.write(`${back()}${paint('dim', stamp())} ${text}\n${draw()}`);
      else stdout.write(`${stamp()} ${text}\n`);
    },
    end() {
      block = [];
    },
  };
}

/** A line that fits keeps its colours. */
function clipStyled(line: string, width: number): string {
  return clip(line, Math.max(20, width));
}

/** The block: processes, workloads, tenants, and what is wrong. */
export function renderBlock(status: Status, paint: Paint): readonly string[] {
  const { workloads, tenants } = status;
  return [
    paint('dim', '─'.repeat(20)),
    `kintsugi   ${status.system.map(({ id, state }) => `${id} ${paintWord(paint, state)}`).join('  ')}`,
    ...linesOf(workloads.map((workload) => workloadRow(workload, paint))),
    ...linesOf(
      tenants.map(({ name, requestsPerSecond, failedShare, mitigations }) => {
        const failed = `${(failedShare * 100).toFixed(1)} % failed`;
        const limits = mitigations.length > 0 ? paint('yellow', mitigations.join(', ')) : '';
        return [name, `${requestsPerSecond.toFixed(0)} req/s`, failedShare > 0 ? paint('red', failed) : failed, limits];
      }),
    ),
    ...clockLines(status.breachClocks ?? [], paint),
    troubleOf(status, paint),
  ];
}

function linesOf(rows: readonly (readonly string[])[]): string[] {
  return renderRows(rows.map(([name = '', ...rest]) => [name.padEnd(9), ...rest]))
    .split('\n')
    .slice(0, -1);
}

/** `records  v1  4/4 ready  eu 2 us 2  steady` */
function workloadRow({ name, targetVersion, phase, instances }: WorkloadStatus, paint: Paint): readonly string[] {
  const occupants = instances.filter(({ role }) => role === 'occupant');
  const ready = occupants.filter((instance) => instance.ready);
  const count = `${ready.length}/${occupants.length} ready`;
  const regions = [...Map.groupBy(ready, ({ region }) => region)].map(([region, group]) => `${region} ${group.length}`);
  const versions = [...new Set(ready.map(({ version }) => version))].sort((a, b) => a - b);
  const version = `v${versions.length > 0 ? versions.join('+') : targetVersion}`;
  const isWhole = ready.length === occupants.length && occupants.length > 0;
  return [
    name,
    version,
    paint(isWhole ? 'green' : 'yellow', count),
    regions.join(' '),
    phase === 'steady' ? '' : phase,
  ];
}

function troubleOf({ stops, incidents, fresh }: Status, paint: Paint): string {
  const parts = stops.map(({ scope }) => paint('yellow', `stopped: ${scope}`));
  if (!fresh) parts.push(paint('yellow', 'state cannot be read: nothing is healed'));
  const [first, ...others] = incidents;
  if (first) {
    const more = others.length > 0 ? ` and ${others.length} more` : '';
    parts.push(paint('yellow', `open: ${first.cause} on ${first.subject} (${first.id})${more}`));
  }
  return parts.length > 0 ? parts.join('; ') : paint('green', 'nothing is wrong');
}
