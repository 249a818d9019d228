/** The human form of the API description: reads `/api/openapi.json` and lists it, without anything from elsewhere. @internal */
export const docsPage: string = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HotSwap API</title>
<link rel="stylesheet" href="/api/docs/docs.css">
</head>
<body>
<header><h1>HotSwap API</h1><p>The whole description for programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p></header>
<main id="operations" aria-live="polite">Reading the description …</main>
<script src="/api/docs/docs.js"></script>
</body>
</html>
`;

/** @internal */
export const docsStyle: string = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5 }
body { margin: 0 auto; max-width: 60rem; padding: 1rem }
h2 { margin-top: 2rem; text-transform: capitalize }
details { border: 1px solid #8886; border-radius: .4rem; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer; font-family: ui-monospace, monospace; overflow-wrap: anywhere }
summary b { display: inline-block; min-width: 4.5rem }
pre { overflow: auto; background: #8882; padding: .6rem; border-radius: .4rem; max-height: 30rem }
`;

/** @internal */
export const docsScript: string = `
const main = document.getElementById('operations');
const make = (name, text) => Object.assign(document.createElement(name), text === undefined ? {} : { textContent: text });

function resolve(schema, document, depth) {
  if (schema === null || typeof schema !== 'object' || depth > 8) return schema;
  if (Array.isArray(schema)) return schema.map((item) => resolve(item, document, depth + 1));
  if (typeof schema.$ref === 'string') return resolve(document.components.schemas[schema.$ref.split('/').pop()], document, depth + 1);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolve(value, document, depth + 1)]));
}

function section(title, value) {
  const pre = make('pre', JSON.stringify(value, null, 2));
  return [make('h4', title), pre];
}

function operation(method, path, described, document) {
  const details = make('details');
  const summary = make('summary');
  summary.append(make('b', method.toUpperCase()), ' ' + path);
  details.append(summary);
  details.addEventListener('toggle', () => {
    if (!details.open || details.childElementCount > 1) return;
    if (described.parameters) details.append(...section('Parameters', resolve(described.parameters, document, 0)));
    const body = described.requestBody && described.requestBody.content['application/json'];
    if (body) details.append(...section('Body', resolve(body.schema, document, 0)));
    for (const [status, answer] of Object.entries(described.responses || {})) {
      const content = answer.content && Object.values(answer.content)[0];
      if (content) details.append(...section('Answer ' + status, resolve(content.schema, document, 0)));
    }
  });
  return details;
}

fetch('/api/openapi.json').then((answer) => answer.json()).then((document_) => {
  main.textContent = '';
  const groups = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const tag = (described.tags && described.tags[0]) || 'other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(method, path, described, document_));
    }
  }
  for (const [tag, operations] of groups) main.append(make('h2', tag), ...operations);
}).catch(() => { main.textContent = 'The description cannot be read.'; });
`;
