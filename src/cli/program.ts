import { Command } from 'commander';
import { VERSION } from '../base/product.ts';
import { declareBreach } from './breach.ts';
import { declareCompletion } from './completion.ts';
import type { CliContext } from './context.ts';
import { declareControl } from './control.ts';
import { declareDocs } from './docs.ts';
import { declareDown } from './down.ts';
import { declareAdvisories } from './advisories.ts';
import { declareDrill } from './drill.ts';
import { declareDetection } from './detection.ts';
import { declareDrills } from './drills.ts';
import { declareExplain } from './explain.ts';
import { declareEvidence } from './evidence.ts';
import { exitOf, faultOf, renderFault, renderProblem } from './fault.ts';
import { declareLaw } from './gate.ts';
import { declareIncidents } from './incidents.ts';
import { createBinder } from './invocation.ts';
import { declareLedger } from './ledger.ts';
import { declareLogs } from './logs.ts';
import { createPaint } from './paint.ts';
import { declarePlanAndApply } from './plan-apply.ts';
import { declarePosture } from './posture.ts';
import { declareRecord } from './record.ts';
import { declareRepairs } from './repairs.ts';
import { declareReport } from './report.ts';
import { declareRopa } from './ropa.ts';
import { declareTrust } from './trust.ts';
import { declareSchema } from './schema.ts';
import { declareSlo } from './slo.ts';
import { declareStatus } from './status.ts';
import { declareStop } from './stop.ts';
import { declareSubject } from './subject.ts';
import { declareAccess } from './token.ts';
import { declareTop } from './top.ts';
import { declareProcesses, declareUp } from './up.ts';
import { declareWitness } from './witness.ts';

/** Widest line of a help text. */
const HELP_COLUMNS_MAX = 100;

/**
 * The whole command line. `exited` hears the exit code of a command that ended by itself. A command that fails rejects
 * `parseAsync` with its fault, and usage faults with commander's; `runCli` deals with both.
 */
export function createProgram(context: CliContext, exited: (code: number) => void = () => {}): Command {
  const program = new Command('kintsugi')
    .description('Keeps multi-tenant API servers alive: finds what breaks, heals it lawfully, and puts it on record.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help for a command')
    .helpCommand('help [command]', 'print help for a command')
    .option('--state <dir>', 'state directory (KINTSUGI_STATE when left out)', context.stateDefault)
    .option('--json', 'one JSON document instead of text')
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(context.stdout.columns ?? 80, HELP_COLUMNS_MAX) })
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void (program.opts()['json'] || context.stderr.write(text)),
      outputError: () => {},
    })
    .exitOverride();
  const binder = createBinder(context, exited);
  declareUp(program, binder, context);
  declareDown(program, binder);
  declareStatus(program, binder);
  declareTop(program, binder);
  declareLogs(program, binder);
  declareIncidents(program, binder);
  declareExplain(program, binder);
  declareDetection(program, binder);
  declareRepairs(program, binder);
  declareTrust(program, binder);
  declarePosture(program, binder);
  declareControl(program, binder);
  declareLaw(program, binder);
  declareBreach(program, binder);
  declareStop(program, binder);
  declarePlanAndApply(program, binder);
  declareSlo(program, binder);
  declareDrill(program, binder);
  declareAdvisories(program, binder);
  declareDrills(program, binder);
  declareLedger(program, binder);
  declareSubject(program, binder);
  declareRecord(program, binder);
  declareReport(program, binder);
  declareRopa(program, binder);
  declareEvidence(program, binder);
  declareWitness(program, binder);
  declareAccess(program, binder);
  declareSchema(program, binder);
  declareCompletion(program, binder);
  declareProcesses(program, binder, context);
  declareDocs(program, binder);
  return program;
}

/**
 * Runs the command line; `args` are the words behind the name of the program. Resolves with the exit code when all that
 * there is to say has been written. Never rejects.
 */
export async function runCli(context: CliContext, args: readonly string[]): Promise<number> {
  let code = 0;
  const program = createProgram(context, (exit) => {
    code = exit;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    const fault = faultOf(error);
    if (fault === undefined) return 0;
    const text = args.includes('--json')
      ? renderProblem(fault)
      : renderFault(fault, createPaint(context.isTty, context.env));
    context.stderr.write(text);
    return exitOf(fault);
  }
}
