import type { Json } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';

const read = statement('setting_read', `select value from settings where name = $1`);
const insert = statement(
  'setting_insert',
  `insert into settings (name, value) values ($1, $2) on conflict (name) do nothing`,
);
const put = statement(
  'setting_put',
  `insert into settings (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value`,
);

/**
 * Values that all servers of one database share, such as the key that signs invoke tokens.
 * @public
 */
export class SettingRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `undefined` when it was never set. */
  async find(name: string): Promise<Json | undefined> {
    const [row] = await this.#session.query<{ value: Json }>(read, [name]);
    return row?.value;
  }

  /** The value that is there; if none is, the one that `make` yields. Servers that start together get the same one. */
  async findOrCreate(name: string, make: () => Promise<Json> | Json): Promise<Json> {
    const known = await this.find(name);
    if (known !== undefined) return known;
    const made = await make();
    await this.#session.execute(insert, [name, JSON.stringify(made)]);
    return (await this.find(name)) ?? made;
  }

  async put(name: string, value: Json): Promise<void> {
    await this.#session.execute(put, [name, JSON.stringify(value)]);
  }
}
