/** What became of a request. */
export interface Answer {
  /** Module id that answered; `null` when the request was dropped. */
  readonly moduleId: string | null;
  /** What was wrong with a dropped one. */
  readonly problem?: string;
}

/** Someone who sends requests at a fixed rate and knows right answers from wrong ones. */
export interface Caller {
  readonly name: string;
  readonly requestsPerSecond: number;
  /** @param index counts the caller's requests, from 0 */
  make(index: number): {
    readonly url: URL;
    readonly method: 'GET' | 'POST';
    readonly headers: Readonly<Record<string, string | number>>;
    readonly body?: string;
  };
  /** Reads the body of an answer of status 200. */
  read(text: string): Answer;
}

interface Server {
  readonly url: string;
  readonly token: string;
}

/** Calls a function of a module through the server. */
export function functionCaller(options: {
  readonly server: Server;
  readonly requestsPerSecond: number;
  readonly moduleName: string;
  readonly functionName: string;
  readonly args: readonly string[];
  readonly isRight: (result: unknown) => boolean;
}): Caller {
  const { server, moduleName, functionName, isRight } = options;
  const url = new URL(`/api/v1/wasm/modules/${moduleName}/functions/${functionName}/invoke`, server.url);
  const body = JSON.stringify({ args: options.args });
  const headers = {
    authorization: `Bearer ${server.token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return {
    name: `calls of ${moduleName}.${functionName}`,
    requestsPerSecond: options.requestsPerSecond,
    make: () => ({ url, method: 'POST', headers, body }),
    read: (text) => {
      const { result, moduleId } = JSON.parse(text) as { result?: unknown; moduleId: string };
      return isRight(result)
        ? { moduleId }
        : { moduleId: null, problem: `unexpected result ${JSON.stringify(result)}` };
    },
  };
}

/** Requests a module's own HTTP answer through the server. */
export function httpThroughServer(server: Server, moduleName: string, requestsPerSecond: number): Caller {
  const url = new URL(`/api/v1/wasm/http/${moduleName}/`, server.url);
  const headers = { authorization: `Bearer ${server.token}` };
  return {
    name: 'HTTP through the server',
    requestsPerSecond,
    make: () => ({ url, method: 'GET', headers }),
    read: readHello,
  };
}

/** Requests the same of the nodes' public ports, one after the other, as end users and load balancers do. */
export function httpAtNodes(nodeUrls: readonly string[], requestsPerSecond: number): Caller {
  const urls = nodeUrls.map((url) => new URL('/', url));
  return {
    name: 'HTTP at the nodes',
    requestsPerSecond,
    make: (index) => ({ url: urls[index % urls.length] as URL, method: 'GET', headers: {} }),
    read: readHello,
  };
}

/** `http-hello` answers a line that ends in its name and version. */
function readHello(text: string): Answer {
  const [, name, version] = /(http-hello) (\d+\.\d+\.\d+)\n$/.exec(text) ?? [];
  if (name === undefined || version === undefined)
    return { moduleId: null, problem: `unexpected answer ${text.slice(0, 100)}` };
  return { moduleId: `${name}-v${version}` };
}
