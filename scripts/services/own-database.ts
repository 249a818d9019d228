import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** An empty database on a Postgres server that other tests use as well, gone afterwards. */
export class OwnDatabase implements AsyncDisposable {
  readonly url: string;
  readonly #server: string;
  readonly #name: string;

  private constructor(server: string, name: string) {
    const url = new URL(server);
    url.pathname = `/${name}`;
    this.url = url.href;
    this.#server = server;
    this.#name = name;
  }

  /** @param server Address of any database there, of somebody who may make more. */
  static async create(server: string): Promise<OwnDatabase> {
    const database = new OwnDatabase(server, `hotswap_${randomBytes(6).toString('hex')}`);
    await database.#command(`create database ${database.#name}`);
    return database;
  }

  /** Ends whoever is still connected. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command(`drop database ${this.#name} with (force)`);
  }

  async #command(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#server });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}
