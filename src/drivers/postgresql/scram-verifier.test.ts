import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { Redacted } from '../../base/redacted.ts';
import { scramVerifier } from './scram-verifier.ts';

// The exchange of RFC 7677 section 3: user "user", password "pencil". What the server signs there is checked here.
test('agrees with the example of RFC 7677', () => {
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
  const serverKey = Buffer.from(scramVerifier(new Redacted('pencil'), salt).split(':').at(-1)!, 'base64');
  const exchange =
    'n=user,r=rOprNGfwEbeRWgbNEkqO,' +
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,' +
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
  const signature = createHmac('sha256', serverKey).update(exchange).digest('base64');
  expect(signature).toBe('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test('is salted: the same password gives another verifier each time', () => {
  const password = new Redacted('pencil');
  expect(scramVerifier(password)).not.toBe(scramVerifier(password));
  expect(scramVerifier(password)).toMatch(
    /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/,
  );
});
