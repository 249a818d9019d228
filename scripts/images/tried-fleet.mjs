// What is asked of a server and a node that are tried, however they were started.
import { SetupProblem } from '../bootstrap/progress.mjs';
import { until } from './container-engine.mjs';

/** (a, b) => a + b, and a health check that says yes. */
const adder =
  'AGFzbQEAAAABCwJgAAF/YAJ/fwF/AwMCAAEFAwEAAAcfAwNhZGQAAQxoZWFsdGhfY2hlY2sAAAZtZW1vcnkCAAoOAgQAQQELBwAgACABags=';

/** Runs in the server's container: asks it as its local administrator. */
const asking = (dataFolder) => `
  const { method, path, body } = JSON.parse(process.argv[1]);
  const { url, token } = JSON.parse(require('node:fs').readFileSync('${dataFolder}/local-admin.json', 'utf8'));
  const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
  fetch(url + '/api/v1/wasm' + path, { method, headers, body: JSON.stringify(body) })
    .then(async (answer) => console.log(JSON.stringify({ isOk: answer.ok, said: await answer.json() })));`;

/** Asks a server of Development from within its container. */
export const askIn = (engine, container, dataFolder) => async (method, path, body) => {
  const asked = JSON.stringify({ method, path, body });
  const program = ['/opt/hotswap/bin/node', '-e', asking(dataFolder), asked];
  const { isOk, said } = JSON.parse(await engine('exec', container, ...program));
  if (!isOk) throw new SetupProblem(`${method} ${path}: ${JSON.stringify(said)}`);
  return said;
};

/** Registers the module and brings it to every node. `askAsAnother` executes it: outside Development its author may not. */
export async function roll(ask, askAsAnother = ask) {
  const { moduleId } = await ask('POST', '/modules', { name: 'adder', version: '1.0.0', wasmBinary: adder });
  const { deploymentId } = await ask('POST', '/deployments', { moduleId, strategy: 'AllAtOnce' });
  await askAsAnother('POST', `/deployments/${deploymentId}/execute`, {});
  await until('a deployment', async () => (await ask('GET', `/deployments/${deploymentId}`)).status === 'Completed');
}

/** A call of the module, which a node has to answer. */
export async function callUntilAnswered(ask, node) {
  const { result, nodeId } = await until('an answer', () =>
    ask('POST', '/modules/adder/functions/add/invoke', { args: [2, 40] }),
  );
  if (result !== 42 || nodeId !== node) throw new SetupProblem(`2 + 40 is ${result} on ${nodeId}.`);
}
