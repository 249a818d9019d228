// Makes what `[patch.crates-io]` of Cargo.toml names. The bootstrap does it too; this is for whoever runs cargo without it.
import { patchCrates } from './bootstrap/patch-crates.mjs';
import { runAsCommand } from './bootstrap/progress.mjs';

await runAsCommand('crates', async () => {
  await patchCrates();
});
