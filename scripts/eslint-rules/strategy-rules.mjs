// Lint rules for code that yields effects. Replay feeds such a generator the results that the journal holds, in order; these
// rules forbid the three ways in which a strategy can lose a result without anybody noticing.

const isFunction = (node) => /Function/.test(node.type);

/** Whether a node holds a `yield` of its own generator: nested functions have their own. */
function containsYield(node, visitorKeys) {
  if (node === null || node === undefined || isFunction(node)) return false;
  if (node.type === 'YieldExpression') return true;
  return (visitorKeys[node.type] ?? []).some((key) =>
    [node[key]].flat().some((child) => containsYield(child, visitorKeys)),
  );
}

const noCatchAroundYield = {
  meta: {
    type: 'problem',
    docs: { description: 'Failed effects are caught with `attempt` only.' },
    schema: [],
    messages: {
      found:
        'A `catch` around a `yield` swallows more than a failed stage, mistakes of the strategy itself included. ' +
        'Use `yield* attempt(function* () { ... })`, which lets everything but StageFailed through.',
    },
  },
  create: (context) => ({
    TryStatement(node) {
      const { visitorKeys } = context.sourceCode;
      if (node.handler !== null && containsYield(node.block, visitorKeys))
        context.report({ node: node.handler, messageId: 'found' });
    },
  }),
};

const noYieldInFinally = {
  meta: {
    type: 'problem',
    docs: { description: 'No effects in `finally`.' },
    schema: [],
    messages: {
      found:
        'A `yield` in `finally` runs on the way out of a rollout that was rolled back or aborted, when the engine takes no ' +
        'more effects. Rollback is the engine’s work; put what must happen after success behind the `try`.',
    },
  },
  create: (context) => ({
    TryStatement(node) {
      if (containsYield(node.finalizer, context.sourceCode.visitorKeys))
        context.report({ node: node.finalizer, messageId: 'found' });
    },
  }),
};

const TYPE_WRAPPERS = ['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'];

/** Where a generator that was just made gets lost: nobody iterates it, or its object is taken for its result. */
function loses(call) {
  let node = call;
  while (TYPE_WRAPPERS.includes(node.parent.type)) node = node.parent;
  const { parent } = node;
  if (parent.type === 'YieldExpression') return !parent.delegate;
  if (parent.type === 'MemberExpression') return parent.object === node && parent.property.name !== 'next';
  return ['ExpressionStatement', 'AwaitExpression', 'VariableDeclarator', 'UnaryExpression'].includes(parent.type);
}

const stepsNeedDelegation = {
  meta: {
    type: 'problem',
    docs: { description: 'Calls that make steps are run with `yield*`.' },
    schema: [],
    messages: { found: 'This makes steps and does not run them. Write `yield* {{name}}(...)`.' },
  },
  create(context) {
    const { sourceCode } = context;
    const { parserServices } = sourceCode;
    if (parserServices?.getTypeAtLocation === undefined) return {};
    return {
      CallExpression(node) {
        if (!loses(node) || parserServices.getTypeAtLocation(node).symbol?.name !== 'Generator') return;
        context.report({ node, messageId: 'found', data: { name: sourceCode.getText(node.callee) } });
      },
    };
  },
};

export default {
  meta: { name: 'hotswap-strategies' },
  rules: {
    'no-catch-around-yield': noCatchAroundYield,
    'no-yield-in-finally': noYieldInFinally,
    'steps-need-delegation': stepsNeedDelegation,
  },
};
