import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '@hotswap/core';
import { writeFileAtomically } from '../atomic-file.ts';

/** A public key as the wire carries it. @internal */
export type PublicJwk = Readonly<Record<string, Json>>;

/** What a node got when it joined. @internal */
export interface NodeCredential {
  readonly nodeId: string;
  readonly credential: string;
  /** Verifies invoke tokens. */
  readonly serverPublicKey: PublicJwk;
}

/**
 * The node's credential and key in its data directory, readable by its user alone.
 * @internal
 */
export class NodeIdentity {
  readonly #folder: string;
  readonly #nodeId: string;
  /** What the disk did not take: good for as long as the process lives. */
  #unwritten: NodeCredential | undefined;

  constructor(folder: string, nodeId: string) {
    this.#folder = folder;
    this.#nodeId = nodeId;
  }

  /** `undefined` when this node has not joined yet, or the file is damaged: it joins anew then. */
  async credential(): Promise<NodeCredential | undefined> {
    if (this.#unwritten !== undefined) return this.#unwritten;
    const stored = await this.#read<NodeCredential>('credential.json');
    return stored?.nodeId === this.#nodeId && typeof stored.credential === 'string' ? stored : undefined;
  }

  /** Keeps it from now on, and writes it where something is new in it; fails when the disk does not take it. */
  async store(credential: Omit<NodeCredential, 'nodeId'>): Promise<void> {
    const stored: NodeCredential = { nodeId: this.#nodeId, ...credential };
    this.#unwritten = stored;
    const text = JSON.stringify(stored);
    if (JSON.stringify(await this.#read('credential.json')) !== text)
      await writeFileAtomically(join(this.#folder, 'credential.json'), text);
    this.#unwritten = undefined;
  }

  /** Public half of the node's own key, made at the first call; the private half never leaves the node. */
  async publicKey(): Promise<PublicJwk> {
    let key = await this.#read<Record<string, Json>>('node-key.json');
    if (key === undefined) {
      key = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as Record<string, Json>;
      await writeFileAtomically(join(this.#folder, 'node-key.json'), JSON.stringify(key));
    }
    const { d: _private, ...publicKey } = key;
    return publicKey;
  }

  async #read<T>(name: string): Promise<T | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#folder, name), 'utf8')) as T;
    } catch {
      return undefined;
    }
  }
}
