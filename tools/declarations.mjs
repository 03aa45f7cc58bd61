// The package's declarations: those that the types of its entry points lead to. The compiler writes one file for each module with all that it exports, most of which nobody
// outside can reach.
import { readdirSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import ts from 'typescript';
import { exportedNames, importedNames } from './module-names.mjs';

const K = ts.SyntaxKind;
const pathOf = (file, text) =>
  text.startsWith('.') ? posix.join(posix.dirname(file), text).replace(/(\.d)?\.[tj]s$/, '.d.ts') : undefined;

/** Names that stand in a declaration, and what it names by `import('…')`. */
function namesIn(file, node, part) {
  const visit = (inner) => {
    if (ts.isIdentifier(inner)) part.names.add(inner.text);
    if (ts.isImportTypeNode(inner)) {
      const from = pathOf(file, inner.argument.literal.text);
      let first = inner.qualifier;
      while (first !== undefined && ts.isQualifiedName(first)) first = first.left;
      if (from !== undefined) part.imports.push({ from, name: first?.text ?? '*' });
    }
    ts.forEachChild(inner, visit);
  };
  visit(node);
}

const declaredIn = (statement) => {
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  if (ts.isModuleDeclaration(statement)) return []; // `declare global`
  return statement.name !== undefined && ts.isIdentifier(statement.name) ? [statement.name.text] : [];
};

/** What a file of declarations has: imports, exports, and the parts that names stand for; parts without a name count always. */
function readFile(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const info = {
    text,
    source,
    imports: new Map(),
    exports: new Map(),
    stars: [],
    parts: new Map(),
    targets: [],
    always: { names: new Set(), imports: [] },
  };
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const from = pathOf(file, statement.moduleSpecifier.text);
      if (from === undefined) continue;
      info.targets.push(from);
      for (const [name, place] of importedNames(statement, from)) info.imports.set(name, place);
    } else if (ts.isExportDeclaration(statement)) {
      const from = statement.moduleSpecifier === undefined ? undefined : pathOf(file, statement.moduleSpecifier.text);
      const names = exportedNames(statement, from);
      if (names === undefined) info.stars.push(from);
      else for (const [name, place] of names) info.exports.set(name, place);
    } else {
      const names = declaredIn(statement);
      for (const name of names) {
        if (!info.parts.has(name)) info.parts.set(name, { names: new Set(), imports: [] });
        namesIn(file, statement, info.parts.get(name));
        if (statement.modifiers?.some(({ kind }) => kind === K.ExportKeyword)) info.exports.set(name, { name });
      }
      if (names.length === 0) namesIn(file, statement, info.always);
    }
  }
  info.isGlobal = source.statements.some(ts.isModuleDeclaration);
  return info;
}

/** Which names of which files are needed: local ones with `#` before them, exported ones without. */
class Needed {
  #files;
  #queue = [];
  #names = new Map();

  constructor(files) {
    this.#files = files;
  }

  has(file, name) {
    return this.#names.get(file)?.has(name) === true;
  }

  /** Whether a file declares something for all others: it counts wherever it is imported. */
  isGlobal(file) {
    return this.#files.get(file)?.isGlobal === true;
  }

  hasFile(file) {
    return this.#names.has(file);
  }

  want(file, name) {
    if (!this.#files.has(file) || this.has(file, name)) return;
    if (!this.#names.has(file)) {
      this.#names.set(file, new Set());
      const { always, targets } = this.#files.get(file);
      for (const target of targets) if (this.isGlobal(target)) this.want(target, '');
      this.#wantAll(file, always);
    }
    this.#names.get(file).add(name);
    this.#queue.push([file, name]);
  }

  follow() {
    for (const [file, name] of this.#queue) {
      const info = this.#files.get(file);
      if (name === '*') for (const each of [...info.exports.keys()]) this.want(file, each);
      if (name === '*') for (const star of info.stars) this.want(star, '*');
      if (name === '*' || name === '') continue;
      if (name.startsWith('#')) {
        const local = name.slice(1);
        const imported = info.imports.get(local);
        if (imported !== undefined) this.want(imported.from, imported.name);
        else if (info.parts.has(local)) this.#wantAll(file, info.parts.get(local));
        continue;
      }
      const given = info.exports.get(name);
      if (given === undefined) for (const star of info.stars) this.want(star, name);
      else if (given.from !== undefined) this.want(given.from, given.name);
      else this.want(file, `#${given.name}`);
    }
  }

  #wantAll(file, { names, imports }) {
    const info = this.#files.get(file);
    for (const name of names) if (info.imports.has(name) || info.parts.has(name)) this.want(file, `#${name}`);
    for (const { from, name } of imports) this.want(from, name);
  }
}

const list = (elements, keep) => elements.filter(keep).map((element) => element.getText());

/** A file's text without what is not needed, nor what it says of itself at its head. */
function prunedText(file, info, needed) {
  const kept = [];
  for (const statement of info.source.statements) {
    const names = declaredIn(statement);
    if (ts.isImportDeclaration(statement)) {
      const bindings = statement.importClause?.namedBindings;
      const isOurs = statement.moduleSpecifier.text.startsWith('.');
      if (!isOurs || bindings === undefined || !ts.isNamedImports(bindings)) {
        const local = bindings !== undefined && ts.isNamespaceImport(bindings) && isOurs ? bindings.name.text : undefined;
        const isNothing = isOurs && statement.importClause === undefined && !needed.isGlobal(pathOf(file, statement.moduleSpecifier.text));
        if (!isNothing && (local === undefined || needed.has(file, `#${local}`))) kept.push(statement.getText());
        continue;
      }
      const left = list(bindings.elements, ({ name }) => needed.has(file, `#${name.text}`));
      const type = statement.importClause.isTypeOnly ? 'type ' : '';
      const counts = left.length > 0 || needed.isGlobal(pathOf(file, statement.moduleSpecifier.text));
      if (counts) kept.push(`import ${type}{ ${left.join(', ')} } from ${statement.moduleSpecifier.getText()};`);
    } else if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)) {
      const left = list(statement.exportClause.elements, ({ name }) => needed.has(file, name.text));
      const from = statement.moduleSpecifier === undefined ? '' : ` from ${statement.moduleSpecifier.getText()}`;
      if (left.length > 0 || statement.exportClause.elements.length === 0)
        kept.push(`export ${statement.isTypeOnly ? 'type ' : ''}{ ${left.join(', ')} }${from};`);
    } else if (ts.isExportDeclaration(statement)) kept.push(statement.getText());
    else if (names.length === 0 || names.some((name) => needed.has(file, `#${name}`))) kept.push(statement.getFullText().trim());
  }
  return `${kept.join('\n')}\n`;
}

/**
 * Removes from the declarations below `out` what none of `entries` (paths there, `*` for any name) leads to.
 */
export function pruneDeclarations(out, entries) {
  const all = readdirSync(out, { recursive: true })
    .filter((name) => name.endsWith('.d.ts'))
    .map((name) => name.split(sep).join('/'));
  const fits = (name) =>
    entries.some((entry) => {
      const [head, tail] = entry.split('*');
      return tail === undefined ? name === entry : name.startsWith(head) && name.endsWith(tail);
    });
  const files = new Map(all.map((name) => [name, readFile(name, readFileSync(join(out, name), 'utf8'))]));
  const needed = new Needed(files);
  for (const name of all.filter(fits)) needed.want(name, '*');
  needed.follow();
  for (const [name, info] of files) {
    if (needed.hasFile(name)) writeFileSync(join(out, name), prunedText(name, info, needed));
    else rmSync(join(out, name));
  }
  removeEmpty(out);
}

function removeEmpty(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
