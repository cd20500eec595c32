import { fromIso } from '../base/clock.ts';

/** Prints times for people: `HH:MM:SS` of the day, in their time zone. */
export type PrintTime = (at: string | number) => string;

/** Without a zone, that of the machine. What is not a time is printed as `-`. */
export function createPrintTime(timeZone?: string): PrintTime {
  const format = new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  return (at) => {
    const ms = epochMsOf(at);
    return Number.isNaN(ms) ? '-' : format.format(ms);
  };
}

/** Milliseconds since 1970 of a time as the API gives it. */
export function epochMsOf(at: string | number): number {
  return typeof at === 'number' ? at : fromIso(at);
}
