/** One thread that judges scenarios as they are handed to it. */
import { parentPort } from 'node:worker_threads';
import type { ScenarioFile } from '../scenarios/load.ts';
import { judge, type JudgeOptions } from './judge.ts';

parentPort?.on('message', async ({ file, options }: { file: ScenarioFile; options: JudgeOptions }) => {
  parentPort?.postMessage(await judge(file, options), []);
});
