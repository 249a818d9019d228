import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHotSwapClient, type HotSwapClient, type PolicyView, type PutPolicyRequest } from '@hotswap/protocol';
import type { ServerConfig } from '@hotswap/server';
import { CredentialRepository, openDatabase } from '@hotswap/state-postgres';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';

const people = [
  ['dev', 'developer', 'default'],
  ['grace', 'developer', 'default'],
  ['ada', 'admin', 'default'],
  ['linus', 'admin', 'default'],
  ['foreigner', 'admin', 'acme'],
] as const;

const inHours = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
/** One that holds while tests run. */
export const freeze: { readonly from: string; readonly until: string; readonly reason: string } = {
  from: inHours(-1),
  until: inHours(5),
  reason: 'Black Friday',
};

/** A server that stays on its data, a node, and people of every role that have to do with a policy. */
export class PolicyScene implements AsyncDisposable {
  readonly dataDir: string;
  readonly tokens: Readonly<Record<string, string>>;
  readonly #config: Partial<ServerConfig>;
  #agent: ScriptedAgent | undefined;
  #test: TestServer | undefined;

  private constructor(dataDir: string, tokens: Readonly<Record<string, string>>, config: Partial<ServerConfig>) {
    this.dataDir = dataDir;
    this.tokens = tokens;
    this.#config = config;
  }

  static async open(config: Partial<ServerConfig> = {}): Promise<PolicyScene> {
    const dataDir = await mkdtemp(join(tmpdir(), 'hotswap-policy-'));
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const credentials = new CredentialRepository(database);
    const tokens: Record<string, string> = {};
    for (const [subject, role, tenant] of people)
      tokens[subject] = (await credentials.create({ tenant, subject, role })).token;
    await database[Symbol.asyncDispose]();
    const scene = new PolicyScene(dataDir, tokens, config);
    await scene.#start(0);
    const { token } = await scene.as('ada').nodes.createJoinToken({ uses: 1 });
    scene.#agent = new ScriptedAgent({
      ...{ url: scene.test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token },
    });
    await scene.#agent.start();
    return scene;
  }

  get test(): TestServer {
    return this.#test as TestServer;
  }

  /** What somebody uses. */
  as(who: string): HotSwapClient {
    return createHotSwapClient({ baseUrl: this.test.url, token: this.tokens[who] ?? '' });
  }

  put(policy: PutPolicyRequest): Promise<PolicyView> {
    return this.as('ada').policy.put(policy);
  }

  async restart(): Promise<void> {
    const { port } = new URL(this.test.url);
    await this.test.server.stop();
    await this.#start(Number(port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop();
    await this.#test?.[Symbol.asyncDispose]();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #start(port: number): Promise<void> {
    const { dataDir } = this;
    const database = { dataDir: join(dataDir, 'database') };
    this.#test = await startTestServer({ dataDir, port, ...this.#config }, { database });
  }
}
