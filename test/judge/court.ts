import { Worker } from 'node:worker_threads';
import type { ScenarioFile } from '../scenarios/load.ts';
import { judge, type JudgeOptions } from './judge.ts';
import type { Judgement } from './scoreboard.ts';

/**
 * Judges all scenarios, in their order, on one thread or on several; `heard` is told of each as it is done. What comes out
 * does not depend on the number of threads.
 */
export async function judgeAll(
  files: readonly ScenarioFile[],
  options: JudgeOptions,
  threads: number,
  heard: (judgement: Judgement) => void,
): Promise<readonly Judgement[]> {
  const results: Judgement[] = [];
  const waiting = [...files.entries()];
  const work = async (one: (file: ScenarioFile) => Promise<Judgement>) => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const judgement = await one(next[1]);
      results[next[0]] = judgement;
      heard(judgement);
    }
  };
  if (threads === 1) await work((file) => judge(file, options));
  else await Promise.all(Array.from({ length: threads }, () => onThread(options, work)));
  return results;
}

async function onThread(
  options: JudgeOptions,
  work: (one: (file: ScenarioFile) => Promise<Judgement>) => Promise<void>,
): Promise<void> {
  const worker = new Worker(new URL('./judge-worker.ts', import.meta.url));
  let settle: PromiseWithResolvers<Judgement> = Promise.withResolvers();
  worker.on('message', (judgement: Judgement) => settle.resolve(judgement));
  worker.on('error', (error) => settle.reject(error));
  try {
    await work((file) => {
      settle = Promise.withResolvers();
      worker.postMessage({ file, options }, []);
      return settle.promise;
    });
  } finally {
    await worker.terminate();
  }
}
