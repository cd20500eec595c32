import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant, Entry } from './contestant.ts';
import { FAULTS } from './fault.ts';
import { type Answer, calmOf, figuresOf, WATCH_LEAST_MS } from './figures.ts';
import { haproxyEntry } from './haproxy.ts';
import { KINTSUGI_ENTRY } from './kintsugi.ts';
import { LOAD, Load } from './load.ts';
import { readMachine } from './machine.ts';
import { createReport, type RecoveryReport, type RoundResult } from './report.ts';
import { runTrial, type Trial } from './trial.ts';

/** Nobody is measured while its first requests are compiled. */
const WARM_UP_MS = 2_000;
const CALM_MS = 2_000;

/**
 * Breaks every contestant in every way, `rounds` times, one after the other and in an order that turns, so that what the
 * machine does meanwhile meets all of them. Everything that was started has ended when it resolves or rejects.
 */
export async function runRecovery(options: {
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}): Promise<RecoveryReport> {
  const { rounds, signal, progress } = options;
  const date = new Date().toISOString();
  const machine = await readMachine();
  const entries = [KINTSUGI_ENTRY, haproxyEntry('default', machine), haproxyEntry('tuned', machine)];
  for (const { name, skipped } of entries) if (skipped !== undefined) progress(`${name}: skipped, ${skipped}`);
  const present = entries.filter(({ skipped }) => skipped === undefined);
  const results: RoundResult[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < present.length; turn += 1) {
      const entry = present[(round + turn) % present.length]!;
      progress(`round ${round + 1} of ${rounds}: ${entry.name}`);
      results.push(await playRound(entry, round + 1, signal));
    }
  }
  return createReport({
    date,
    machine,
    settings: { rounds, ...LOAD, watchMsMin: WATCH_LEAST_MS },
    entries,
    faults: FAULTS,
    results,
  });
}

async function playRound(entry: Entry, round: number, signal: AbortSignal): Promise<RoundResult> {
  const folder = await mkdtemp(join(tmpdir(), 'kintsugi-bench-'));
  try {
    const contestant = await entry.start(folder, signal);
    try {
      return { contestant: entry.name, round, ...(await breakAll(contestant, round, signal)) };
    } finally {
      await contestant.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function breakAll(contestant: Contestant, round: number, signal: AbortSignal) {
  const load = new Load(contestant.target, round);
  const trials: Trial[] = [];
  let answers: readonly Answer[] = [];
  let calmFromMs = 0;
  try {
    await sleep(WARM_UP_MS, undefined, { signal });
    calmFromMs = performance.now();
    await sleep(CALM_MS, undefined, { signal });
    for (const [at, fault] of FAULTS.entries()) trials.push(await runTrial(contestant, fault, round + at, signal));
  } finally {
    answers = await load.stop();
  }
  const calm = calmOf(answers, calmFromMs, calmFromMs + CALM_MS);
  const faults = trials.map(({ faultMs, endMs, restoredMs, verifiedMs }, at) => {
    const { name, lateMs } = FAULTS[at]!;
    const figures = figuresOf(answers, { faultMs, endMs, lateMs, deadlineMs: LOAD.deadlineMs });
    return { fault: name, ...figures, restoredMs, verifiedMs };
  });
  return { calm, faults };
}
