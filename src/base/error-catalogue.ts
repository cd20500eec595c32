/** When a caller may try again. Retry policy is read from the error, never decided at the call site. */
export type Retry = 'soon' | 'after-backoff' | 'never';

export interface CatalogueEntry {
  /** What happened, in a few words. */
  readonly title: string;
  /** What the reader should do next. */
  readonly remedy: string;
  readonly retry: Retry;
  /** HTTP status where the fault leaves through an API. */
  readonly status: number;
  /** Exit code of the CLI, after sysexits.h where it has one. */
  readonly exit: number;
}

/**
 * The one catalogue of operational faults. `docs/errors.md` is generated from it (`npm run docs`) and a test compares the
 * two both ways. A code, once released, keeps its meaning.
 */
export const CATALOGUE = {
  'manifest.invalid': {
    title: 'a manifest was not accepted',
    remedy: 'Correct the lines named in the message; nothing was changed.',
    retry: 'never',
    status: 422,
    exit: 65,
  },
  'manifest.missing': {
    title: 'no manifest was found',
    remedy: 'Check the path given with -f; it names a YAML file or a folder that holds some.',
    retry: 'never',
    status: 422,
    exit: 66,
  },
  'usage.invalid': {
    title: 'the command was not understood',
    remedy: 'See `kintsugi help` for the commands and their options.',
    retry: 'never',
    status: 400,
    exit: 64,
  },
  'request.invalid': {
    title: 'the request was not accepted',
    remedy: 'Compare the request with /openapi.json; the message names the field.',
    retry: 'never',
    status: 400,
    exit: 65,
  },
  'request.unauthorized': {
    title: 'no valid token was given',
    remedy: 'Send `Authorization: Bearer <token>`; the token is in the state directory, readable by its owner only.',
    retry: 'never',
    status: 401,
    exit: 77,
  },
  'resource.unknown': {
    title: 'there is no such thing',
    remedy: 'List what there is (`kintsugi status`, `incidents`, `repairs`, `export`) and use a name from there.',
    retry: 'never',
    status: 404,
    exit: 66,
  },
  'resource.conflict': {
    title: 'somebody else changed it first',
    remedy: 'Look again with `kintsugi plan -f` and apply once more; nothing of this attempt was kept.',
    retry: 'after-backoff',
    status: 409,
    exit: 75,
  },
  'artefact.missing': {
    title: 'the artefact of a workload is not there',
    remedy: 'Check `spec.artefact.path`; it is resolved from the folder of the manifest.',
    retry: 'never',
    status: 422,
    exit: 66,
  },
  'artefact.drifted': {
    title: 'the artefact is not what was declared',
    remedy: 'Apply the manifest again if the change was meant; otherwise restore the file and find out who changed it.',
    retry: 'never',
    status: 409,
    exit: 65,
  },
  'state.in-use': {
    title: 'another Kintsugi runs on this state directory',
    remedy: 'Use it (`kintsugi status`), end it (`kintsugi down`), or choose another with --state.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'state.newer': {
    title: 'the state directory was written by a newer version',
    remedy: 'Run that version or a later one, or choose another directory with --state; nothing was changed.',
    retry: 'never',
    status: 409,
    exit: 78,
  },
  'state.absent': {
    title: 'nothing runs on this state directory',
    remedy: 'Start a stack with `kintsugi up <stack.yaml>`, or name its directory with --state.',
    retry: 'never',
    status: 503,
    exit: 69,
  },
  'state.unwritable': {
    title: 'the state directory cannot be written',
    remedy: 'Free space or correct the permissions of the path in the message; what was acknowledged is kept.',
    retry: 'after-backoff',
    status: 507,
    exit: 73,
  },
  'state.corrupt': {
    title: 'a file of the state directory cannot be read',
    remedy: 'Restore it from a backup; removing it lets Kintsugi start anew, but it then forgets what the file held.',
    retry: 'never',
    status: 500,
    exit: 65,
  },
  'socket.path-too-long': {
    title: 'the state directory lies too deep for a Unix socket',
    remedy: 'Choose a shorter path with --state; the system allows about 100 bytes.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'port.in-use': {
    title: 'the port is taken',
    remedy: 'Choose another with --port or --api-port, or stop what listens there (`ss -ltnp`).',
    retry: 'never',
    status: 500,
    exit: 75,
  },
  'postgres.missing': {
    title: 'no PostgreSQL binaries were found for this machine',
    remedy: 'Run `npm ci` without omitting optional dependencies, or set DATABASE_URL to a server of your own.',
    retry: 'never',
    status: 500,
    exit: 69,
  },
  'postgres.unreachable': {
    title: 'PostgreSQL does not answer',
    remedy:
      'Kintsugi stays static and tries again by itself; if it lasts, see `kintsugi logs postgres` or DATABASE_URL.',
    retry: 'after-backoff',
    status: 503,
    exit: 69,
  },
  'postgres.too-old': {
    title: 'the PostgreSQL server is too old',
    remedy: 'Use PostgreSQL 15 or newer.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'postgres.start-failed': {
    title: 'the embedded PostgreSQL did not start',
    remedy: 'Read its last lines with `kintsugi logs postgres`; the message names the step that failed.',
    retry: 'after-backoff',
    status: 503,
    exit: 70,
  },
  'migration.newer': {
    title: 'the database has a newer schema than this version knows',
    remedy: 'Run the newer version; migrations only go forward.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'migration.changed': {
    title: 'a migration that already ran was edited',
    remedy: 'Restore the file; write a new migration for the change.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'lease.lost': {
    title: 'this replica no longer leads',
    remedy: 'Nothing to do: the replica that leads now resumes or undoes what was under way.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'lease.stale': {
    title: 'a write carried the epoch of a former leader and was refused',
    remedy: 'Nothing to do: the refusal is what keeps two leaders from acting.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'keeper.unreachable': {
    title: 'the keeper does not answer',
    remedy: 'If it was killed, run `kintsugi up` again: it adopts what still runs.',
    retry: 'after-backoff',
    status: 503,
    exit: 69,
  },
  'keeper.refused': {
    title: 'the keeper refused a command',
    remedy: 'The message says why; a stale epoch or a used instance id is refused by design.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'control.unreachable': {
    title: 'the control process does not answer',
    remedy: 'The keeper restarts it within a second; traffic goes on meanwhile. See `kintsugi logs control`.',
    retry: 'soon',
    status: 503,
    exit: 69,
  },
  'instance.not-ready': {
    title: 'an instance did not become ready in time',
    remedy:
      'Read its last lines with `kintsugi logs <instance>`; raise `spec.start.deadlineMs` if it only needs longer.',
    retry: 'after-backoff',
    status: 503,
    exit: 70,
  },
  'instance.start-failed': {
    title: 'an instance could not be started',
    remedy: 'The message names the command and the reason; check `spec.command` and the artefact.',
    retry: 'after-backoff',
    status: 503,
    exit: 70,
  },
  'move.invalid': {
    title: 'a move cannot be made as its playbook says',
    remedy: 'The message names the parameter; correct the rung of the Playbook and apply it. See docs/moves.md.',
    retry: 'never',
    status: 422,
    exit: 65,
  },
  'move.failed': {
    title: 'a program that a playbook runs has failed',
    remedy: 'The details hold its last lines. It may run again under the same key, which it finds in KINTSUGI_KEY.',
    retry: 'after-backoff',
    status: 502,
    exit: 70,
  },
  'snapshot.corrupt': {
    title: 'the gateway snapshot on disk cannot be read',
    remedy: 'Nothing to do: the previous one is used and control writes a new one; look for a failing disk.',
    retry: 'soon',
    status: 500,
    exit: 65,
  },
  'ledger.unreachable': {
    title: 'the ledger process does not answer',
    remedy: 'The keeper restarts it; records are buffered and delivered once it is back.',
    retry: 'soon',
    status: 503,
    exit: 69,
  },
  'ledger.entry-too-large': {
    title: 'an entry exceeds 65,535 bytes, or its payloads 32 KiB',
    remedy: 'Record a digest of the data and keep the data elsewhere.',
    retry: 'never',
    status: 413,
    exit: 65,
  },
  'ledger.overloaded': {
    title: 'the ledger has more unwritten entries than it may hold',
    remedy: 'Slow down and send the same entries again; their ids make that safe.',
    retry: 'after-backoff',
    status: 503,
    exit: 75,
  },
  'ledger.superseded': {
    title: 'another process took over the ledger',
    remedy:
      'Send the same entries to the process that writes it now; this one signs nothing any more and can be ended.',
    retry: 'soon',
    status: 503,
    exit: 75,
  },
  'ledger.tampered': {
    title: 'the ledger is not what was signed',
    remedy: 'Keep the files as they are, compare them with an export or a witness, and treat it as an incident.',
    retry: 'never',
    status: 500,
    exit: 2,
  },
  'ledger.unwitnessed': {
    title: 'too few witnesses saw the checkpoint',
    remedy: 'The signed entries are sound; ask the operator for a checkpoint with the cosignatures of the policy.',
    retry: 'after-backoff',
    status: 409,
    exit: 3,
  },
  'receipt.invalid': {
    title: 'the receipt proves nothing',
    remedy: 'Do not rely on it: ask for another one, and compare the key or the policy with what was noted elsewhere.',
    retry: 'never',
    status: 422,
    exit: 2,
  },
  'vault.unreadable': {
    title: 'the keys of personal data cannot be read',
    remedy:
      'Bring back the key-encryption key of the epoch in the message. If it is gone for good, so is what it protected: move the folder `vault` away and start again; the record itself stays whole.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'erasure.refused': {
    title: 'the erasure was not done',
    remedy: 'The message says what stands against it; see `kintsugi subject show`.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'evidence.tampered': {
    title: 'the bundle of evidence is not what was made',
    remedy: 'Do not rely on it: ask for it again, and compare the key of the ledger with what was noted elsewhere.',
    retry: 'never',
    status: 422,
    exit: 2,
  },
  'breach.refused': {
    title: 'what was said does not fit the assessment of the loss',
    remedy:
      'The message says what stands against it; `kintsugi breach show ID` has the clocks and what was said before.',
    retry: 'never',
    status: 409,
    exit: 65,
  },
  'signature.untrusted': {
    title: 'no key that is trusted here has signed it',
    remedy:
      'Sign with a key that `spec.signers` of the Policy names; `kintsugi record key FILE` prints the line for it.',
    retry: 'never',
    status: 403,
    exit: 77,
  },
  'ledger.newer': {
    title: 'the ledger was written by a newer version',
    remedy: 'Use that version or a later one to open it.',
    retry: 'never',
    status: 500,
    exit: 78,
  },
  'ledger.pruned': {
    title: 'the entry was pruned after its retention',
    remedy:
      'Look for it in an export or an archive from before; `kintsugi ledger show --type retention` says when it went.',
    retry: 'never',
    status: 410,
    exit: 66,
  },
  'approval.invalid': {
    title: 'the approval does not fit the plan',
    remedy: 'Look at the plan again with `kintsugi incident show`; approve exactly that hash before it expires.',
    retry: 'never',
    status: 409,
    exit: 65,
  },
  'drill.refused': {
    title: 'the drill was not started',
    remedy: 'The message names what stands against it: an unknown target, an open incident, or the stop.',
    retry: 'never',
    status: 409,
    exit: 75,
  },
  'drill.failed': {
    title: 'the drill did not end in a healed state',
    remedy: 'Read the story with `kintsugi incident show`; the fault was taken back.',
    retry: 'never',
    status: 500,
    exit: 1,
  },
  'drill.left': {
    title: 'a fault of a drill is still there',
    remedy: 'Look at what the message names and run any drill again: what is left is taken back before it begins.',
    retry: 'after-backoff',
    status: 500,
    exit: 70,
  },
  'gateway.malformed': {
    title: 'the request was not well formed',
    remedy: 'Send an origin-form path without dot segments, one Host header and one API key.',
    retry: 'never',
    status: 400,
    exit: 65,
  },
  'gateway.too-large': {
    title: 'the request is too large',
    remedy: 'Bodies end at 32 MiB, paths at 8 KiB and headers at 100; split the request.',
    retry: 'never',
    status: 413,
    exit: 65,
  },
  'gateway.unauthorized': {
    title: 'a valid API key is needed',
    remedy: 'Send the key as `x-api-key` or as `Authorization: Bearer`.',
    retry: 'never',
    status: 401,
    exit: 77,
  },
  'gateway.forbidden': {
    title: 'the API key is not valid here',
    remedy: 'Use the key that belongs to the address that was called.',
    retry: 'never',
    status: 403,
    exit: 77,
  },
  'gateway.unknown': {
    title: 'nothing answers at this address',
    remedy: 'Check the host, the path and the API key.',
    retry: 'never',
    status: 404,
    exit: 66,
  },
  'gateway.limited': {
    title: 'more requests than the agreed rate',
    remedy: 'Wait as long as Retry-After says.',
    retry: 'after-backoff',
    status: 429,
    exit: 75,
  },
  'gateway.crowded': {
    title: 'more requests in progress than agreed',
    remedy: 'Wait for answers before sending more; Retry-After says how long to wait.',
    retry: 'after-backoff',
    status: 503,
    exit: 75,
  },
  'gateway.quarantined': {
    title: 'requests are held back for now',
    remedy: 'Try again later; the operator sees why with `kintsugi incidents`.',
    retry: 'after-backoff',
    status: 503,
    exit: 75,
  },
  'gateway.unrecordable': {
    title: 'the request could not be put on record and was not carried out',
    remedy: 'Try again soon: the ledger is away or full, and this tenant asks for a record of each access.',
    retry: 'after-backoff',
    status: 503,
    exit: 75,
  },
  'gateway.unavailable': {
    title: 'no instance may answer this request now',
    remedy: 'Try again as Retry-After says; instances outside the permitted regions are never used.',
    retry: 'after-backoff',
    status: 503,
    exit: 69,
  },
  'gateway.broken': {
    title: 'the connection to the instance broke',
    remedy: 'Find out whether the request took effect before repeating it.',
    retry: 'after-backoff',
    status: 502,
    exit: 69,
  },
  'gateway.late': {
    title: 'there was no answer in time',
    remedy: 'Find out whether the request took effect before repeating it.',
    retry: 'after-backoff',
    status: 504,
    exit: 69,
  },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof CATALOGUE;
