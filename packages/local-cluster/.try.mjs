import { startLocalCluster } from '@hotswap/local-cluster';
import { readFileSync } from 'node:fs';
const t0=Date.now(); const log=(...a)=>console.log(Date.now()-t0, ...a);
const cluster = await startLocalCluster({ dataDirectory: '/tmp/hs-server-try/c', onProgress: log, serverEnv: {HOTSWAP_LOG_LEVEL:'debug'} });
try {
  const c = cluster.client;
  for (const v of ['1.0.0']) log((await c.modules.register({ name: 'adder', version: v, wasm: readFileSync(`examples/modules/dist/adder-${v}.wasm`) })).moduleId);
    const d = await c.deployments.create({ moduleId:'adder-v1.0.0', strategy:'AllAtOnce' });
    await c.deployments.execute(d.deploymentId);
    for await (const e of c.deployments.watch(d.deploymentId)) ;
  log('deployed');
  let n=0, done=false;
  const load = Promise.all(Array.from({length:16}, async()=>{ while(!done){ await c.modules.invoke('adder','add',{args:[1,2]}); n++; } }));
  await new Promise(r=>setTimeout(r,4000)); done=true; await load; log('rate', n/4)
  log('stopping')
} catch (e) { console.log(e) } finally { await cluster.stop(); log('stopped'); }
