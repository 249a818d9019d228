import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadServerConfig, withDefaults, type ServerConfig } from '@hotswap/server';
import { limitsOf } from '../src/modules/module-service.ts';
import { shownConfig } from '../src/config/shown-config.ts';

/** The `appsettings.Production.json` of the deployment guide, and its block for Production. */
const guide = {
  Environment: 'Production',
  RequireApproval: true,
  RateLimiting: { ModuleRegistration: 10, ModuleExecution: 1000 },
  Logging: { LogLevel: { Default: 'Information', 'Microsoft.AspNetCore': 'Warning' } },
  ConnectionStrings: {
    PostgreSQL:
      'Host=postgres.example.com;Port=5432;Database=wasm_orchestrator;Username=app_user;Password=${DB_PASSWORD}',
  },
  Redis: { ConnectionString: 'redis.example.com:6379,password=${REDIS_PASSWORD}' },
  MinIO: {
    Endpoint: 'minio.example.com:9000',
    AccessKey: '${MINIO_ACCESS_KEY}',
    SecretKey: '${MINIO_SECRET_KEY}',
    UseSSL: true,
    BucketName: 'wasm-modules',
  },
  JWT: {
    SecretKey: '${JWT_SECRET_KEY}',
    Issuer: 'HotSwap.Wasm.Api',
    Audience: 'HotSwap.Wasm.Clients',
    ExpirationMinutes: 60,
  },
  Kestrel: {
    Endpoints: {
      Http: { Url: 'http://0.0.0.0:5000' },
      Https: {
        Url: 'https://0.0.0.0:5001',
        Certificate: { Path: '/certs/cert.pfx', Password: '${CERT_PASSWORD}' },
      },
    },
  },
};

const secrets = {
  DB_PASSWORD: 'db;pass"word, \'=x',
  REDIS_PASSWORD: 'red,is=1',
  MINIO_ACCESS_KEY: 'access-1',
  MINIO_SECRET_KEY: 'minio secret',
  JWT_SECRET_KEY: 'wq7Rk2vPz9mXc4Tb8nLd5sGh1yJf6aQe',
  CERT_PASSWORD: 'cert "1"',
};

describe('the forms of an appsettings.json', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-forms-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function load(
    content: unknown,
    env: NodeJS.ProcessEnv = {},
    args: readonly string[] = [],
  ): Promise<ServerConfig> {
    const file = join(directory, 'appsettings.json');
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return loadServerConfig(['--config', file, ...args], env);
  }

  it('are read whole, with secrets from the environment that hold every separator', async () => {
    const password = encodeURIComponent(secrets.DB_PASSWORD);
    expect(await load(guide, secrets)).toMatchObject({
      environment: 'Production',
      requireApproval: true,
      moduleRegistrationsPerMinute: 10,
      moduleExecutionsPerMinute: 1000,
      logLevel: 'info',
      frameworkLogLevel: 'warn',
      databaseUrl: `postgres://app_user:${password}@postgres.example.com:5432/wasm_orchestrator`,
      redisUrl: `redis://:${encodeURIComponent(secrets.REDIS_PASSWORD)}@redis.example.com:6379`,
      s3Endpoint: 'minio.example.com:9000',
      s3AccessKey: 'access-1',
      s3SecretKey: 'minio secret',
      s3UseTls: true,
      s3Bucket: 'wasm-modules',
      jwtSecretKey: secrets.JWT_SECRET_KEY,
      jwtIssuer: 'HotSwap.Wasm.Api',
      jwtAudience: 'HotSwap.Wasm.Clients',
      jwtExpiration: 'PT1H',
      host: '0.0.0.0',
      port: 5000,
      plainHttp: true,
      httpsHost: '0.0.0.0',
      httpsPort: 5001,
      certificateFile: '/certs/cert.pfx',
      certificatePassword: 'cert "1"',
    });
  });

  it('have a file per environment above them, key by key', async () => {
    await writeFile(
      join(directory, 'appsettings.Production.json'),
      JSON.stringify({ MinIO: { Endpoint: 'minio.example.com:9000', UseSSL: true }, port: 7000 }),
    );
    await writeFile(join(directory, 'appsettings.Development.json'), '{"port": 8000}');
    const base = { MinIO: { Endpoint: 'localhost:9000', BucketName: 'modules' }, Environment: 'Development' };
    expect(await load(base)).toMatchObject({ s3Endpoint: 'localhost:9000', s3UseTls: false, port: 8000 });
    expect(await load(base, { ENVIRONMENT: 'production' })).toMatchObject({
      environment: 'Production',
      s3Endpoint: 'minio.example.com:9000',
      s3UseTls: true,
      s3Bucket: 'modules',
      port: 7000,
    });
    expect(await load(base, { ENVIRONMENT: 'production' }, ['--environment', 'staging'])).toMatchObject({ port: 5000 });
  });

  it('serve HTTPS alone where Kestrel lists nothing else', async () => {
    const { Https } = guide.Kestrel.Endpoints;
    expect(await load({ Kestrel: { Endpoints: { Https } } }, { CERT_PASSWORD: 'x' })).toMatchObject({
      plainHttp: false,
      httpsPort: 5001,
    });
    expect(await load({ Kestrel: { Endpoints: { Http: { Url: 'http://*:80' } } } })).toMatchObject({
      plainHttp: true,
      host: '0.0.0.0',
      port: 80,
    });
  });

  it.each([
    [
      'Host=db;Username=u;Password="a;b";SSL Mode=Require',
      'postgres://u:a%3Bb@db/u?uselibpqcompat=true&sslmode=require',
    ],
    ['server=db; port=1; db=d; user id=u; pwd=p; SslMode=VerifyFull;', 'postgres://u:p@db:1/d?sslmode=verify-full'],
    ['Host=db;Database=d;SSL Mode=Require;Trust Server Certificate=true', 'postgres://db/d?sslmode=no-verify'],
    ['Host=db;Database=d;Application Name=my app', 'postgres://db/d?application_name=my%20app'],
    ['postgresql://u:p@db/d', 'postgresql://u:p@db/d'],
  ])('%s is %s', async (written, url) => {
    expect((await load({ ConnectionStrings: { PostgreSQL: written } })).databaseUrl).toBe(url);
  });

  it.each([
    ['localhost', 'redis://localhost:6379'],
    ['h:1,user=u,password=p,ssl=True,defaultDatabase=2,abortConnect=false', 'rediss://u:p@h:1/2'],
    ['rediss://h', 'rediss://h'],
  ])('%s is %s', async (written, url) => {
    expect((await load({ Redis: { ConnectionString: written } })).redisUrl).toBe(url);
  });

  it('give a password of the environment to an address that has none', async () => {
    const env = {
      DATABASE_URL: 'postgres://app@db/d',
      DB_PASSWORD: 'p@ss',
      REDIS_URL: 'redis://r',
      REDIS_PASSWORD: 'x',
    };
    expect(await loadServerConfig([], env)).toMatchObject({
      databaseUrl: 'postgres://app:p%40ss@db/d',
      redisUrl: 'redis://:x@r',
    });
    const own = { DATABASE_URL: 'postgres://app:own@db/d', DB_PASSWORD: 'other' };
    expect((await loadServerConfig([], own)).databaseUrl).toBe('postgres://app:own@db/d');
  });

  it('take a secret from a file that a variable names', async () => {
    const file = join(directory, 'secret');
    await writeFile(file, 'from the file\n');
    expect(await loadServerConfig([], { CERT_PASSWORD_FILE: file })).toMatchObject({
      certificatePassword: 'from the file',
    });
    await expect(loadServerConfig([], { CERT_PASSWORD_FILE: join(directory, 'none') })).rejects.toThrow(
      /of CERT_PASSWORD_FILE cannot be read \(ENOENT\)/,
    );
  });

  it('put a default in the place of a variable that is not set', async () => {
    const content = { ConnectionStrings: { PostgreSQL: 'Host=${DB_HOST:-postgres};Username=u;Password=p' } };
    expect((await load(content)).databaseUrl).toBe('postgres://u:p@postgres/u');
    expect((await load(content, { DB_HOST: 'db' })).databaseUrl).toBe('postgres://u:p@db/u');
  });

  it.each<[string, unknown, RegExp]>([
    ['a key with a typo', { databseUrl: 'x' }, /databseUrl \(from the file\).*did you mean databaseUrl\?/],
    ['a key in a section', { MinIO: { EndPiont: 'x' } }, /MinIO.EndPiont.*did you mean minio.endpoint\?/],
    ['a category of logs', { Logging: { LogLevel: { System: 'Debug' } } }, /Logging.LogLevel.System \(from the file\)/],
    [
      'a listener',
      { Kestrel: { Endpoints: { Http: { Url: 'ftp://x' } } } },
      /port \(from Kestrel.Endpoints.Http.Url of/,
    ],
    ['several hosts', { ConnectionStrings: { PostgreSQL: 'Host=a,b;Username=u' } }, /names several hosts/],
    [
      'a part of a connection string',
      { ConnectionStrings: { PostgreSQL: 'Host=a;Prot=1' } },
      /Prot is not known.*Port\?/,
    ],
    ['leftovers', { ConnectionStrings: { PostgreSQL: 'Host=a;junk;Password=b' } }, /must begin with postgres/],
    ['several Redis servers', { Redis: { ConnectionString: 'a:1,b:2' } }, /names several addresses/],
    ['a Redis option', { Redis: { ConnectionString: 'a:1,pasword=b' } }, /pasword is not known.*password\?/],
    ['a short signing key', { JWT: { SecretKey: 'short' } }, /jwtSecretKey \(from JWT.SecretKey of the file\)/],
    [
      'a variable that is not set',
      guide,
      /ConnectionStrings.PostgreSQL \(from appsettings.json\).*DB_PASSWORD is not set/,
    ],
    ['HTTPS alone without a certificate', { plainHttp: false }, /plainHttp.*there has to be HTTPS/],
    ['a key without a certificate', { certificateKeyFile: 'x' }, /belongs to certificateFile/],
  ])('refuse %s by name', async (_what, content, message) => {
    await expect(load(content)).rejects.toMatchObject({
      code: 'HS_CONFIG_INVALID',
      message: expect.stringMatching(message) as unknown,
    });
  });

  it.each([
    [['--databse-url', 'x'], {}, /no option --databse-url: did you mean database-url\?/],
    [['--jwt-secret-key=hidden', ''], {}, /seen by everybody.*HOTSWAP_JWT_SECRET_KEY or JWT_SECRET_KEY/],
    [[], { HOTSWAP_PROT: '1' }, /HOTSWAP_PROT \(from the environment\).*did you mean HOTSWAP_PORT\?/],
  ])('refuse %j with %j', async (args, env, message) => {
    await expect(loadServerConfig(args, env)).rejects.toThrow(message);
  });

  it('never tell a secret: not in an error, not when the configuration is shown', async () => {
    const hidden = 'S3cr3t-hidden';
    const broken: readonly [unknown, NodeJS.ProcessEnv][] = [
      [`{"JWT": {"SecretKey": "${hidden}"`, {}],
      [`{"databaseUrl": ${hidden}}`, {}],
      [{ ConnectionStrings: { PostgreSQL: `Host=;Pasword=${hidden}` } }, {}],
      [{ ConnectionStrings: { PostgreSQL: `mysql://u:${hidden}@h` } }, {}],
      [{ Redis: { ConnectionString: `h:1,${hidden}` } }, {}],
      [{ port: 'x', jwtSecretKey: hidden }, { DATABASE_URL: `${hidden}://x` }],
      [{ [`Kestrel`]: { Endpoints: { Https: { Url: `https://u:${hidden}@x` } } } }, {}],
    ];
    for (const [content, env] of broken) {
      const why = await load(content, env).then(
        () => 'taken',
        (error: unknown) => String((error as Error).stack),
      );
      expect(why).toContain('HotSwapError');
      expect(why).not.toContain(hidden);
    }
    const shown = JSON.stringify(shownConfig(await load(guide, secrets)));
    for (const secret of [secrets.MINIO_SECRET_KEY, secrets.JWT_SECRET_KEY, 'db%3B', 'red%2Cis', 'cert \\"1'])
      expect(shown).not.toContain(secret);
    expect(shown).toContain('postgres://app_user:[redacted]@postgres.example.com');
  });

  it('tell the line of a file that is no JSON', async () => {
    await expect(load('{\n  "port": 1,\n  "host": oops\n}')).rejects.toThrow(/no JSON \(about line 3\)/);
  });
});

describe('limits of modules that do not say', () => {
  it('are those of the texts, and have their names', async () => {
    expect(await loadServerConfig([], {})).toMatchObject({
      maxInputSizeBytes: 1_048_576,
      executionTimeout: 'PT5S',
      memoryLimitBytes: 134_217_728,
    });
    const env = { MAX_INPUT_SIZE: '2097152', EXECUTION_TIMEOUT: '7', MEMORY_LIMIT: '67108864', SERVER_HOST: '0.0.0.0' };
    expect(await loadServerConfig([], { ...env, SERVER_PORT: '8080', LOG_LEVEL: 'info' })).toMatchObject({
      maxInputSizeBytes: 2_097_152,
      executionTimeout: 'PT7S',
      memoryLimitBytes: 67_108_864,
      host: '0.0.0.0',
      port: 8080,
    });
    await expect(loadServerConfig([], { MEMORY_LIMIT: '1000' })).rejects.toThrow(
      /memoryLimitBytes \(from MEMORY_LIMIT\)/,
    );
  });

  it('are what such a module gets', () => {
    const config = withDefaults({ maxInputSizeBytes: 2_048, executionTimeout: 'PT7S', memoryLimitBytes: 67_108_864 });
    const limits = { maxMemoryMB: 64, maxCpuPercent: 100, maxExecutionTime: 'PT7S', maxInputSize: 2_048 };
    expect(limitsOf(undefined, config)).toEqual(limits);
    expect(limitsOf({ maxMemoryMB: 8 }, config)).toEqual({ ...limits, maxMemoryMB: 8 });
  });
});

describe('variables of the operations guide', () => {
  it('are understood, every one that is needed', async () => {
    const env = {
      DATABASE_URL: 'postgresql://user:password@host:5432/wasmwiz',
      REDIS_URL: 'redis://host:6379',
      API_SALT: randomBytes(32).toString('base64'),
      ENVIRONMENT: 'production',
      SERVER_HOST: '0.0.0.0',
      SERVER_PORT: '8080',
      LOG_LEVEL: 'info',
      MAX_WASM_SIZE: '10485760',
      MAX_INPUT_SIZE: '1048576',
      EXECUTION_TIMEOUT: '5',
      MEMORY_LIMIT: '134217728',
      TLS_CERT_PATH: '/path/to/cert.pem',
      TLS_KEY_PATH: '/path/to/key.pem',
    };
    expect(await loadServerConfig([], env)).toMatchObject({
      databaseUrl: env.DATABASE_URL,
      redisUrl: env.REDIS_URL,
      apiSalt: env.API_SALT,
      environment: 'Production',
      host: '0.0.0.0',
      port: 8080,
      logLevel: 'info',
      maxWasmSizeBytes: 10_485_760,
      executionTimeout: 'PT5S',
      certificateFile: '/path/to/cert.pem',
      certificateKeyFile: '/path/to/key.pem',
    });
  });
});
