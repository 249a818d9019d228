import { type KeyObject, generateKeyPairSync, sign } from 'node:crypto';
import type { HttpCertificate } from '@hotswap/core';

/** A certificate of its own for one name, good for ten years. */
export function selfSigned(name: string): HttpCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const algorithm = sequence(Buffer.from('06032b6570', 'hex'));
  const toBeSigned = sequence(
    tagged(0xa0, integer(2)),
    integer(Date.now()),
    algorithm,
    subject(name),
    sequence(time(-1), time(9)),
    subject(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(alternativeName(name))),
  );
  const signature = tagged(0x03, Buffer.concat([Buffer.of(0), sign(null, toBeSigned, privateKey)]));
  const der = sequence(toBeSigned, algorithm, signature);
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    certPem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    keyPem: pem(privateKey),
    serverNames: [name],
  };
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length =
    content.length < 128
      ? Buffer.of(content.length)
      : content.length < 256
        ? Buffer.of(0x81, content.length)
        : Buffer.of(0x82, content.length >> 8, content.length & 255);
  return Buffer.concat([Buffer.of(tag), length, content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, ...parts);
}

function integer(value: number): Buffer {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  // A leading zero keeps it positive.
  return tagged(0x02, ...((bytes[0] ?? 0) < 0x80 ? [] : [Buffer.of(0)]), bytes);
}

function subject(name: string): Buffer {
  const commonName = Buffer.from('0603550403', 'hex');
  return sequence(tagged(0x31, sequence(commonName, tagged(0x0c, Buffer.from(name)))));
}

function alternativeName(name: string): Buffer {
  const id = Buffer.from('0603551d11', 'hex');
  return sequence(id, tagged(0x04, sequence(tagged(0x82, Buffer.from(name)))));
}

function time(years: number): Buffer {
  const at = new Date();
  at.setUTCFullYear(at.getUTCFullYear() + years);
  const text = at.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tagged(0x17, Buffer.from(text.slice(2)));
}
