import { readFile } from 'node:fs/promises';
import { wasmtime } from '@hotswap/runtime-wasmtime';

const [, , pathOfShop = '', key = ''] = process.argv;
await using host = await wasmtime();
const shop = await host.load({ bytes: await readFile(pathOfShop) });
const slots = host.createSlotTable();
slots.set('shop', { versions: new Map([['1.0.0', { module: shop, weight: 1 }]]) });

const plane = await host.createHttpPlane({
  slots,
  fallback: async ({ method, body }) => (method === 'POST' ? { status: 200, body } : { status: 404 }), // what no slot answers; bodies are streamed
  authorize: async ({ headers }) => {
    const isKnown = headers.some(([name, value]) => name === 'authorization' && value === `Bearer ${key}`);
    return isKnown ? { validUntil: Date.now() + 60_000 } : null; // asked once per unknown credential
  },
  onAccess: (records) => console.log(records.length, 'requests'), // four times a second, 500 of them at most
});
const listener = await plane.listen({ port: 0 }); // loopback, any free port
const everyone = { pathPrefix: '/', stripPrefix: true, access: 'public', affinity: { cookie: 'sid' } } as const;
listener.setRoutes([
  { ...everyone, slot: 'shop', hosts: ['localhost'] },
  { ...everyone, slot: 'shop', hosts: [], pathPrefix: '/internal', access: 'authorized' },
]);

const at = `http://localhost:${listener.port}`;
console.log(await (await fetch(at)).text());
const elsewhere = `http://127.0.0.1:${listener.port}`;
console.log(await (await fetch(elsewhere, { method: 'POST', body: 'echo' })).text());
for (const headers of [{}, { authorization: `Bearer ${key}` }])
  console.log((await fetch(`${elsewhere}/internal`, { headers })).status);
console.log(await plane.close(1_000)); // requests in flight have a second to end
