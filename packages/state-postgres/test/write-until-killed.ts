// Child of data-dir.int.test.ts: appends pairs of rows until it is killed, and says which have been committed.
import { openDatabase } from '../src/index.ts';

const database = await openDatabase({ dataDir: process.argv[2] ?? '' });
await database.execute('create table if not exists pairs (id int, half int, primary key (id, half))');
const [last] = await database.query<{ id: number }>('select coalesce(max(id), 0) as id from pairs');
process.stdout.write('ready\n');
for (let id = (last?.id ?? 0) + 1; ; id++) {
  await database.transaction(async (session) => {
    await session.execute('insert into pairs values ($1, 1)', [id]);
    await session.execute('insert into pairs values ($1, 2)', [id]);
  });
  process.stdout.write(`${id}\n`);
}
