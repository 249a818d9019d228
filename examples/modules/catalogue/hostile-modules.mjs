// The hostile modules: what each does to its host, and what must happen to it.
//
// `phase` is the earliest step that must notice: `inspect` (the bytes are refused), `load` (linking or instantiation
// ahead of the first call fails), `invoke` (a call of `function`) or `run` (running it as a command).

const TRAP = 'HS_RUNTIME_TRAP';
const TIMEOUT = 'HS_RUNTIME_TIMEOUT';
const MEMORY_LIMIT = 'HS_RUNTIME_MEMORY_LIMIT';
const TABLE_LIMIT = 'HS_RUNTIME_TABLE_LIMIT';
const OUTPUT_LIMIT = 'HS_RUNTIME_OUTPUT_LIMIT';
const LINK_FAILED = 'HS_RUNTIME_LINK_FAILED';
const START_FAILED = 'HS_RUNTIME_START_FAILED';
const INVALID_MODULE = 'HS_RUNTIME_INVALID_MODULE';

const fails = (...codes) => ({ outcome: 'error', codes });
const traps = (...kinds) => ({ outcome: 'error', codes: [TRAP], traps: kinds });
const exits = (exitCode) => ({ outcome: 'exit', exitCode });
const answers = { outcome: 'answer' };
/** Answers how much it got, to be held against the limit that it was given. */
const answersHowMany = (unit) => ({ outcome: 'answer', unit });

const refused = (phase, expected) => ({ kind: 'core', phase, expected });
const invoke = (functionName, expected, args = []) => ({
  kind: 'core',
  phase: 'invoke',
  function: functionName,
  args,
  expected,
});
const run = (expected) => ({ kind: 'wasi-command', phase: 'run', expected });
const component = (functionName, expected) => ({ ...invoke(functionName, expected), kind: 'component' });

/** An export of `traps.wat`: one kind of trap each. */
const trap = (functionName, kind, args) => ({ ...invoke(functionName, traps(kind), args), module: 'traps' });
/** An export of `bad-abi.wat`: one broken value each. */
const badValue = (functionName) => ({ ...component(functionName, fails(TRAP)), module: 'bad-abi' });

/** Id -> what to do with it. The module is the file of the same name unless `module` names another. */
export const hostileModuleEntries = {
  'loop-in-export': { ...invoke('run', fails(TIMEOUT)), row: 'F60' },
  'loop-in-start': { ...refused('load', fails(TIMEOUT)), row: 'F60' },
  'loop-in-health-check': { ...invoke('health_check', fails(TIMEOUT)), row: 'F60' },
  'memory-bomb': { ...invoke('run', answersHowMany('pages')), row: 'F61' },
  'memory-bomb-many': { ...invoke('run', answersHowMany('pages')), row: 'F61' },
  'memory-declared': { ...refused('load', fails(MEMORY_LIMIT)), row: 'F61' },
  'deep-recursion': { ...invoke('run', traps('stack-overflow')), row: 'F62' },
  'recursion-into-host': { ...run(traps('stack-overflow')), row: 'F62' },
  'huge-table': { ...refused('load', fails(TABLE_LIMIT, INVALID_MODULE)), row: 'F63', browserValid: false },
  'table-bomb': { ...invoke('run', answersHowMany('elements')), row: 'F63' },
  'trap-in-start': { ...refused('load', traps('unreachable')), row: 'F64' },
  'exit-in-start': { ...refused('load', fails(START_FAILED, TRAP)), row: 'F64' },
  'sleep-hour': { ...run(fails(TIMEOUT)), row: 'F65' },
  'memory-copy': { ...invoke('run', fails(TIMEOUT)), row: 'F68' },
  'shared-memory': { ...refused('inspect', fails(INVALID_MODULE)), row: 'F69' },
  memory64: { ...refused('inspect', fails(INVALID_MODULE)), row: 'F69', browserValid: 'varies' },
  'handle-flood': { ...component('run', fails(TRAP, TIMEOUT)), row: 'F70' },
  'random-flood': { ...run(fails(TRAP, TIMEOUT)), row: 'F70' },
  'giant-list': {
    ...component('large-list', fails(OUTPUT_LIMIT, MEMORY_LIMIT, TRAP)),
    module: 'giant-result',
    row: 'F70',
  },
  'repeated-string': {
    ...component('repeated-string', fails(OUTPUT_LIMIT, MEMORY_LIMIT, TRAP)),
    module: 'giant-result',
    row: 'F70',
  },
  'log-flood': { ...run(fails(TIMEOUT, OUTPUT_LIMIT)), row: 'F73' },
  'terminal-names': { ...invoke('health_check', answers), row: 'F73' },
  'missing-import': refused('load', fails(LINK_FAILED)),
  'wrong-import-type': refused('load', fails(LINK_FAILED)),
  'exit-code': run(exits(42)),
  'path-escape': run(exits(0)),
  'environment-leak': run(exits(0)),
  unreachable: trap('unreachable', 'unreachable'),
  'out-of-bounds': trap('out_of_bounds', 'memory-out-of-bounds'),
  'out-of-bounds-far': trap('out_of_bounds_far', 'memory-out-of-bounds'),
  'divide-by-zero': trap('divide_by_zero', 'integer-division-by-zero', [1]),
  'integer-overflow': trap('integer_overflow', 'integer-overflow'),
  'bad-conversion': trap('bad_conversion', 'bad-conversion-to-integer'),
  'table-out-of-bounds': trap('table_out_of_bounds', 'table-out-of-bounds'),
  'indirect-call-to-null': trap('indirect_call_to_null', 'indirect-call-to-null'),
  'bad-signature': trap('bad_signature', 'bad-signature'),
  'bad-utf8': badValue('bad-utf8'),
  'string-out-of-bounds': badValue('string-out-of-bounds'),
  'string-too-long': badValue('string-too-long'),
  'unaligned-pointer': badValue('unaligned-pointer'),
  'pointer-out-of-bounds': badValue('pointer-out-of-bounds'),
  'bad-char': badValue('bad-char'),
  'bad-option': badValue('bad-option'),
  'bad-result': badValue('bad-result'),
};
