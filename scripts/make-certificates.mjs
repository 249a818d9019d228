// `node scripts/make-certificates.mjs FOLDER [PASSWORD]`: makes an authority and a certificate of this machine that it signed,
// for tests and for trying TLS out. Needs the machine's openssl. A second run in the folder keeps the authority and renews the
// certificate. Files: ca.pem, cert.pem, key.pem, cert.pfx, and with a password key-encrypted.pem (cert.pfx has it, too).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupProblem, runAsCommand } from './bootstrap/progress.mjs';

const DAYS = '7';
const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';
const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

await runAsCommand('make-certificates', () => {
  const [folder, password = ''] = process.argv.slice(2);
  if (folder === undefined) throw new SetupProblem('name the folder that the files go to.');
  mkdirSync(folder, { recursive: true });
  const openssl = (line) =>
    execFileSync('openssl', line.trim().split(/\s+/), {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, CERTIFICATE_PASSWORD: password },
    });
  if (!existsSync(join(folder, 'ca.pem')))
    openssl(`req -x509 ${newKey} -keyout ca-key.pem -out ca.pem -days ${DAYS} -subj /CN=hotswap-test-authority`);
  openssl(`req ${newKey} -keyout key.pem -out request.pem -subj /CN=localhost`);
  writeFileSync(join(folder, 'names.txt'), NAMES);
  openssl(
    `x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days ${DAYS} -extfile names.txt -out cert.pem`,
  );
  openssl('pkcs12 -export -in cert.pem -inkey key.pem -out cert.pfx -passout env:CERTIFICATE_PASSWORD');
  if (password !== '') openssl('pkey -in key.pem -aes256 -passout env:CERTIFICATE_PASSWORD -out key-encrypted.pem');
  return Promise.resolve();
});
