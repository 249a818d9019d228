import ts from 'typescript';
import { readText } from './repository.ts';

/** A property of an interface or of an object literal, with what its comment says. */
export interface DocumentedProperty {
  readonly name: string;
  readonly optional: boolean;
  /** Its type as it is written; empty for properties of object literals. */
  readonly type: string;
  readonly doc: string;
  /** Properties of its type when that is written in place, or of its value when that is an object literal. */
  readonly members: readonly DocumentedProperty[];
}

/** Parsed source of a file, by its path from the root. */
export function parseSource(path: string): ts.SourceFile {
  return ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2024, true);
}

/** Text of the doc comment of a node without its tags: `{@link X}` becomes code. Empty without a comment. */
export function docOf(node: ts.Node): string {
  const comment = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1)?.comment;
  const parts = typeof comment === 'string' ? [comment] : (comment ?? []).map(textOfPart);
  return parts.join('').replaceAll(/\s+/g, ' ').trim();
}

function textOfPart(part: ts.JSDocComment): string {
  if (part.kind === ts.SyntaxKind.JSDocText) return part.text;
  return `\`${(part as ts.JSDocLink).name?.getText() ?? ''}${part.text}\``;
}

/** Properties of an exported interface. */
export function interfaceProperties(source: ts.SourceFile, name: string): readonly DocumentedProperty[] {
  const found = source.statements.find(
    (statement) => ts.isInterfaceDeclaration(statement) && statement.name.text === name,
  );
  if (found === undefined || !ts.isInterfaceDeclaration(found))
    throw new Error(`${source.fileName} declares no interface ${name}`);
  return found.members.filter(ts.isPropertySignature).map(documentedSignature);
}

function documentedSignature(member: ts.PropertySignature): DocumentedProperty {
  const type = member.type;
  return {
    name: member.name.getText(),
    optional: member.questionToken !== undefined,
    type: type?.getText().replaceAll(/\s+/g, ' ') ?? '',
    doc: docOf(member),
    members:
      type !== undefined && ts.isTypeLiteralNode(type)
        ? type.members.filter(ts.isPropertySignature).map(documentedSignature)
        : [],
  };
}

/** The variable of that name and its doc comment, or undefined. */
export function findVariable(
  source: ts.SourceFile,
  name: string,
): { readonly doc: string; readonly value: ts.Expression } | undefined {
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name: own, initializer } of statement.declarationList.declarations) {
      if (own.getText() === name && initializer !== undefined) return { doc: docOf(statement), value: initializer };
    }
  }
  return undefined;
}

/** Doc comments of the properties of every object literal in a file, by property name; the first one with a text counts. */
export function literalDocs(source: ts.SourceFile): ReadonlyMap<string, string> {
  const docs = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node)) {
      const name = node.name.getText();
      if (!docs.has(name) && docOf(node) !== '') docs.set(name, docOf(node));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return docs;
}

/** Splits `Default X.` off a doc comment, which tables show in a column of its own. */
export function splitDefault(doc: string): { readonly meaning: string; readonly default: string } {
  const found = /(?:^|\s)Default:? (.+?)(?:\.(?=\s|$)|$)/.exec(doc);
  if (found === null) return { meaning: doc, default: '' };
  return { meaning: doc.replace(found[0], '').trim(), default: found[1] ?? '' };
}
