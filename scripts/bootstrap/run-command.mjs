// Child processes for the scripts.
import { spawn } from 'node:child_process';

/**
 * Runs a program and resolves with its exit code and output; never rejects for a non-zero exit.
 * `onLine` sees each line of both streams; `echo` passes the output through as it comes. A program that does not exist
 * resolves with code 127.
 */
export function runCommand(program, args, { cwd, env, uid, gid, onLine, echo = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, uid, gid, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    let rest = '';
    const take = (chunk, stream) => {
      if (echo) stream.write(chunk);
      if (onLine === undefined) return;
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      stdout += chunk;
      take(chunk, process.stdout);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      stderr += chunk;
      take(chunk, process.stderr);
    });
    child.on('error', (error) => resolve({ code: error.code === 'ENOENT' ? 127 : 126, stdout, stderr: String(error) }));
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), stdout, stderr }));
  });
}

/** The last lines of a text, for an error message. */
export const tail = (text, lines = 40) => text.trimEnd().split('\n').slice(-lines).join('\n');
