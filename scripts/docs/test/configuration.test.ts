import { describe, expect, it } from 'vitest';
import { interfaceProperties, parseSource } from '../doc-comments.ts';
import { agentKeys, serverKeys } from '../pages/configuration-page.ts';
import { strategyKeys } from '../pages/strategies-page.ts';
import { importSource } from '../repository.ts';
import { findStrategies } from '../strategies.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Load = (args: readonly string[], env: Environment) => unknown;

const { loadServerConfig } = await importSource<{ loadServerConfig: Load }>('packages/server/src/config/load.ts');
const { loadAgentConfig } = await importSource<{ loadAgentConfig: Load }>(
  'packages/edge-agent/src/config/load-agent-config.ts',
);

/** What a program says about its sources; empty when it takes them. */
async function complaint(load: Load, args: readonly string[], env: Environment): Promise<string> {
  try {
    await load(args, env);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('configuration of the server', async () => {
  const keys = await serverKeys();

  it.each(keys)('$name has a flag and variables that the server knows', async ({ name, flag, environment }) => {
    expect(await complaint(loadServerConfig, [`--${flag ?? ''}`, ''], {})).not.toContain('Unknown option');
    // An empty flag is wrong for most keys: the complaint then names the key it went to.
    for (const variable of environment) {
      const why = await complaint(loadServerConfig, [], { [variable]: '\u0000' });
      if (why !== '') expect(why).toContain(`${name} (from ${variable})`);
    }
  });

  it('is the interface, and each key says what it is for', () => {
    const declared = interfaceProperties(parseSource('packages/server/src/config/schema.ts'), 'ServerConfig');
    expect(keys.map(({ name }) => name)).toEqual(declared.map(({ name }) => name));
    expect(keys.filter((key) => key.meaning === '' && key.default === '').map(({ name }) => name)).toEqual([]);
  });
});

describe('configuration of the agent', async () => {
  const keys = await agentKeys();

  it.each(keys)('$name has a flag and a variable that the agent knows', async ({ name, flag, environment }) => {
    if (flag !== undefined)
      expect(await complaint(loadAgentConfig, [`--${flag}`, 'x'], {})).not.toContain('Unknown option');
    for (const variable of environment) {
      const missing = await complaint(loadAgentConfig, [], { [variable]: '"x"' });
      // Needed keys are complained about while they are absent, structured ones when they hold a text.
      const own = new RegExp(`(?:^|[ ;])${name}(?:\\.\\w+)?: Invalid input: expected \\w+, received undefined`);
      expect(missing).not.toMatch(own);
    }
  });

  it('says of each key what it is for', () => {
    expect(keys.filter(({ meaning }) => meaning === '').map(({ name }) => name)).toEqual([]);
  });
});

describe('configuration of strategies', async () => {
  for (const source of await findStrategies()) {
    it(`${source.strategy.name} says of each key what it is for`, () => {
      expect(
        strategyKeys(source)
          .filter(({ meaning }) => meaning === '')
          .map(({ name }) => name),
      ).toEqual([]);
    });
  }
});

describe('defaults of the page', async () => {
  const { withDefaults } = await importSource<{ withDefaults: (given: object) => Readonly<Record<string, unknown>> }>(
    'packages/server/src/config/load.ts',
  );
  const told = new Map((await serverKeys()).map((key) => [key.name, key.default]));

  it('are those that the server fills in Development', () => {
    const { dataDir: _here, instanceId: _random, ...filled } = withDefaults({});
    for (const [name, value] of Object.entries(filled)) {
      const text = typeof value === 'number' ? value.toLocaleString('en-US') : String(value);
      expect((told.get(name) ?? '').replace(/^5000/, '5,000'), name).toContain(text);
    }
  });

  it('differ in Staging and Production where the page says so', () => {
    for (const environment of ['Staging', 'Production'])
      expect(withDefaults({ environment })).toMatchObject({ host: '0.0.0.0', requireApproval: true });
    expect(told.get('host')).toContain('`0.0.0.0` elsewhere');
    expect(told.get('requireApproval')).toContain('else `true`');
  });

  it('allow modules of 50 MiB, and MAX_WASM_SIZE changes that', async () => {
    expect(await loadServerConfig([], {})).toMatchObject({
      environment: 'Development',
      maxWasmSizeBytes: 50 * 1_024 * 1_024,
    });
    expect(await loadServerConfig([], { MAX_WASM_SIZE: '10485760', ENVIRONMENT: 'production' })).toMatchObject({
      environment: 'Production',
      maxWasmSizeBytes: 10_485_760,
    });
  });
});
