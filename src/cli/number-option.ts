import { InvalidArgumentError } from 'commander';

/** Reads a whole number between two bounds, both allowed. Anything else is a usage fault. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}.`);
  };
}

export const portNumber = wholeNumber(0, 65_535);
