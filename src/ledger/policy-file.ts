import { existsSync, readFileSync } from 'node:fs';
import { KinError } from '../base/errors.ts';
import { type Policy, parsePolicy } from './tlog/policy.ts';

/** The trust policy in a file (C2SP tlog-policy). Throws `resource.unknown`, or `request.invalid` with the line. */
export function readPolicyFile(path: string): Policy {
  if (!existsSync(path)) throw new KinError('resource.unknown', `there is no policy ${path}`, { details: { path } });
  const parsed = parsePolicy(readFileSync(path));
  if (parsed.kind === 'policy') return parsed.policy;
  const { line, reason } = parsed;
  throw new KinError('request.invalid', `${path}:${line}: ${reason}`, { details: { path, line } });
}
