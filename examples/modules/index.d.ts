/** What a module is to the runtime. */
export type ExampleModuleKind = 'core' | 'component' | 'wasi-command' | 'wasi-reactor';

/** A call with a known answer: `result`, or the kind of trap it ends in. Made on a fresh instance. */
export interface ModuleSample {
  /** Name of the export; within an interface `namespace:package/interface@version#function`. */
  readonly function: string;
  readonly args: readonly unknown[];
  readonly result?: unknown;
  readonly trap?: string;
}

/** A guest module as built: where it is, and what may be expected of it. */
export interface ExampleModule {
  /** `name-version`, which is also the file's name. */
  readonly id: string;
  readonly name: string;
  /** Semantic version, without a leading v. */
  readonly version: string;
  /** Absolute path of the `.wasm` file; it exists once the modules are built. */
  readonly path: string;
  readonly kind: ExampleModuleKind;
  /** Language of the source. */
  readonly language: string;
  /** What it is there to show, in a few words. */
  readonly shows: string;
  /**
   * How it serves HTTP: it exports `wasi:http/incoming-handler`, it is a command that speaks CGI, or it exports
   * `hotswap_http_handle`. Absent: it does not.
   */
  readonly servesHttp?: 'component' | 'command' | 'handler';
  /** The export that answers health checks, spelled as the module spells it. Absent: it has none. */
  readonly healthFunction?: string;
  /** Whether its health function answers that all is well. */
  readonly healthy: boolean;
  readonly samples: readonly ModuleSample[];
  /** Large or slow to build: only `buildExampleModules({ only: [id] })` makes it. */
  readonly onDemand: boolean;
}

/** What must come of meeting a hostile module. */
export type HostileOutcome =
  /** It fails with one of `codes`; of a trap, with one of `traps` where they are named. */
  | { readonly outcome: 'error'; readonly codes: readonly string[]; readonly traps?: readonly string[] }
  /** The command ends by itself with this code. */
  | { readonly outcome: 'exit'; readonly exitCode: number }
  /**
   * The call answers: what it asked for beyond its limits was refused to it. With `unit` the result says how much it
   * got, over all its memories (pages of 64 KiB) or tables (elements), to be held against the limit.
   */
  | { readonly outcome: 'answer'; readonly unit?: 'pages' | 'elements' };

/** A module that attacks its host, with the step that must notice and what must come of it. */
export interface HostileModule {
  readonly id: string;
  /** Absolute path of the `.wasm` file; several entries may share one. */
  readonly path: string;
  readonly kind: ExampleModuleKind;
  /**
   * The step that must notice: `inspect` refuses the bytes, `load` fails to link or to instantiate (a host that does
   * not instantiate ahead notices at the first call), `invoke` calls `function`, `run` runs it as a command.
   */
  readonly phase: 'inspect' | 'load' | 'invoke' | 'run';
  /** The export to call; with `phase: 'invoke'` only. */
  readonly function?: string;
  readonly args?: readonly unknown[];
  readonly expected: HostileOutcome;
  /** The row of the fault matrix it stands for. Absent: none of its own. */
  readonly row?: string;
  /** Whether V8 takes the bytes too; `varies` where its versions differ. */
  readonly browserValid: boolean | 'varies';
}

/** Size and cost of a compile bomb; each number multiplies the work of the compiler. */
export interface CompileBombOptions {
  /** Functions in the module. Default 10,000. */
  readonly functions?: number;
  /** Arithmetic operations in each. Default 20. */
  readonly operations?: number;
  /** Locals in each, all live. Default 16. */
  readonly locals?: number;
  /** Targets of one `br_table` in each. Default 0: none. */
  readonly branchTargets?: number;
}

/** What to build. */
export interface BuildExampleModulesOptions {
  /** Ids of the files to build, as `build.mjs --list` prints them. Absent: all but those on demand. */
  readonly only?: readonly string[];
  /** Builds even what is up to date. Default false. */
  readonly force?: boolean;
  /** Hears of each module that was not up to date. */
  readonly report?: (made: { id: string; from: 'cache' | 'source'; sizeBytes: number; tookMs: number }) => void;
}

/** The example modules that a build makes, the versions of a name in ascending order. */
export const exampleModules: readonly ExampleModule[];

/** All hostile modules. */
export const hostileModules: readonly HostileModule[];

/**
 * Finds an example module by name and version, by its id (`greeter-1.1.0`), or by its name alone: its first version.
 * @throws TypeError when there is none; the message names those there are.
 */
export function exampleModule(name: string, version?: string): ExampleModule;

/**
 * Finds a hostile module by its id.
 * @throws TypeError when there is none; the message names those there are.
 */
export function hostileModule(id: string): HostileModule;

/**
 * Makes a valid core module that is cheap to send and dear to compile, with an export `run(i32) -> i32`. The default
 * is 2.5 MB; 100,000 functions are 25 MB.
 */
export function compileBomb(options?: CompileBombOptions): Uint8Array;

/**
 * Builds what is not up to date: a few milliseconds when nothing changed, some seconds from nothing. Safe to call from
 * several processes at once.
 */
export function buildExampleModules(options?: BuildExampleModulesOptions): Promise<void>;

/** A folder that the contract suite of runtime hosts gives to guests. */
export interface ContractRig<Host> extends AsyncDisposable {
  readonly host: Host;
  readonly folder: {
    /** Holds `in.txt`, which says `inside`, and `link`, which leads to a file outside. */
    readonly hostPath: string;
    /** What is in it now, sorted. */
    names(): Promise<string[]>;
  };
}

/**
 * What the contract suite of `@hotswap/testing` needs: the host, and a folder for guests; both gone at the end.
 * @param end ends the host in place of its own disposal.
 */
export function contractRig<Host extends AsyncDisposable>(
  host: Host,
  end?: () => PromiseLike<void>,
): Promise<ContractRig<Host>>;

/** As much of a runtime host as it takes to meet a hostile module. */
export interface HostileHost {
  load(
    source: { readonly bytes: Uint8Array },
    options: { readonly limits: { readonly maxMemoryMB: number; readonly maxExecutionTime: `P${string}` } },
  ): Promise<
    AsyncDisposable & {
      run(): Promise<{ readonly exitCode: number }>;
      invoke(name: string, args: readonly never[]): Promise<unknown>;
    }
  >;
}

/**
 * Meets a hostile module on an engine that runs in a child process. Besides what is expected of every engine such a one may
 * refuse what it cannot do, and lose its child.
 * @returns what came of it when that is not what should come; otherwise undefined
 */
export function unexpectedInChild(host: HostileHost, hostile: HostileModule): Promise<string | undefined>;
