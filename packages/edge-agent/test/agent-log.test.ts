import { describe, expect, it } from 'vitest';
import { eventLog, logTimeLimit, warnOfVersion } from '../src/log/agent-log.ts';

function recorder() {
  const lines: [level: string, facts: object, message: string][] = [];
  return {
    lines,
    info: (facts: object, message: string) => void lines.push(['info', facts, message]),
    warn: (facts: object, message: string) => void lines.push(['warn', facts, message]),
  };
}

describe('the log of an agent', () => {
  it('has the word WASM in every line of an event, and warns of trouble', () => {
    const log = recorder();
    const events = eventLog(log);
    events.emit({ topic: 'agent.serving', tenant: 'default', subject: 'edge-1', facts: { modules: 2 } });
    events.emit({ topic: 'agent.server-lost', tenant: 'default', subject: 'edge-1', facts: {} });
    expect(log.lines).toEqual([
      ['info', { event: 'agent.serving', facts: { modules: 2 } }, 'WASM agent.serving'],
      ['warn', { event: 'agent.server-lost', facts: {} }, 'WASM agent.server-lost'],
    ]);
  });

  it('finds calls that used up their time under execution_timeout', () => {
    const log = recorder();
    logTimeLimit(log, 'r-1', '/invoke/greeter/greet');
    expect(log.lines[0]?.[2]).toContain('execution_timeout');
    expect(log.lines[0]?.[1]).toEqual({ event: 'execution_timeout', requestId: 'r-1', call: '/invoke/greeter/greet' });
  });

  it('warns of a RuntimeVersion that is not the real one, and of nothing else', () => {
    const log = recorder();
    warnOfVersion({}, { version: '46.0.1' }, log);
    warnOfVersion({ runtimeVersion: '46.0.1' }, { version: '46.0.1' }, log);
    expect(log.lines).toEqual([]);
    warnOfVersion({ runtimeVersion: '15.0.0' }, { version: '46.0.1' }, log);
    expect(log.lines).toMatchObject([['warn', { configured: '15.0.0', actual: '46.0.1' }, /RuntimeVersion differs/]]);
  });
});
