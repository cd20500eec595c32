import type { MoveName } from '../resources/playbook.ts';

/** What a move did, for people who do not know its name. */
const MOVE_WORDS: Readonly<Record<MoveName, string>> = {
  revert: 'a setting was put back to what it was',
  rollback: 'the last good version came back',
  quarantine: 'who or what did harm was kept out for a time',
  throttle: 'requests were limited',
  shed: 'some requests were turned away',
  suspend: 'a job or a client was made to wait',
  reroute: 'requests were sent elsewhere',
  restart: 'a process was started again',
  replace: 'another instance took the place',
  scale: 'the number of instances was changed',
  'scale-in': 'an instance that a repair had added was taken out of service',
  resize: 'it was given other resources',
  recreate: 'what was missing was made again',
  reenable: 'a protection was switched on again',
  terminate: 'a session or a job was ended',
  rotate: 'a certificate or a secret was renewed',
  'sync-clock': 'a clock was put right',
  'back-up': 'a backup was made',
  'dead-letter': 'a message was put aside',
  failover: 'another copy took over',
  run: 'a program that people declared was run',
  page: 'a person was called',
};

/** `reenable (a protection was switched on again), then page (a person was called)`. */
export function tellMoves(moves: readonly string[]): string {
  return moves
    .map((move) => {
      const words = Object.hasOwn(MOVE_WORDS, move) ? MOVE_WORDS[move as MoveName] : undefined;
      return words === undefined ? move : `${move} (${words})`;
    })
    .join(', then ');
}
