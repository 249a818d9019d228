// The peer `node:http`: one line, whatever is asked.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';

const body = process.argv[2] ?? '';
const server = createServer((_request, response) => response.end(body));
server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`));
