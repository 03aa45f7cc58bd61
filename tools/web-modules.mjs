/**
 * What modules export, what of one another their parts need, and what they do when they are loaded. The package's code lies in chunks that do nothing when they are
 * loaded, so that bundlers take from them what a program uses; what a module does (`provideMethods('picking', …)`) is a function there, `load…`, which entry points
 * call (`facades.mjs`) for what leads to that module.
 */
import { posix } from 'node:path';
import ts from 'typescript';
import { exportedNames, importedNames } from './module-names.mjs';

const K = ts.SyntaxKind;
const DECLARING = new Set([
  K.ImportDeclaration,
  K.ExportDeclaration,
  K.FunctionDeclaration,
  K.ClassDeclaration,
  K.InterfaceDeclaration,
  K.TypeAliasDeclaration,
  K.VariableStatement,
  K.ModuleDeclaration,
  K.EnumDeclaration,
  K.ExportAssignment,
  K.EmptyStatement,
]);

/** The statements of a module that do something when it is loaded. */
export const doing = (file) => file.statements.filter(({ kind }) => !DECLARING.has(kind));
export const parse = (text) => ts.createSourceFile('module.ts', text, ts.ScriptTarget.ES2022, true);

/** What may be done again. */
const AGAIN = /^(provide\w+|mention|registerFusing)[(<]/;

/** The name of the function that does what a module does when it is loaded. */
export const loadName = (module) => `load_${module.replace(/\W/g, '_')}`;

/**
 * The text of a module (TypeScript) whose statements are in an exported function that does them once. Lines stay where they are.
 * @param atOnce whether it is called here: the module is part of every program
 */
export function withLoading(module, text, atOnce) {
  const statements = doing(parse(text));
  if (statements.length === 0) return text;
  const name = loadName(module);
  let rest = text;
  for (const { pos, end } of [...statements].reverse())
    rest = rest.slice(0, pos) + text.slice(pos, end).replace(/[^\n]/g, '') + rest.slice(end);
  const body = statements.map((statement) => statement.getText()).join('\n');
  const once = statements.every((statement) => AGAIN.test(statement.getText())) ? '' : `if (is_${name}) return;\nis_${name} = true;\n`;
  const flag = once === '' ? '' : `let is_${name} = false;\n`;
  return `${rest}\n${flag}export function ${name}() {\n${once}${body}\n}${atOnce ? `\n${name}();` : ''}\n`;
}

const isReference = (node) => {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node;
  if (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent)) return parent.name !== node;
  return !ts.isAccessor(parent) || parent.name !== node;
};

/** Names that stand in a part of a module. */
function namesIn(node) {
  const names = new Set();
  const visit = (inner) => {
    if (ts.isIdentifier(inner) && isReference(inner)) names.add(inner.text);
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return names;
}

const pathOf = (module, { text }) => posix.join(posix.dirname(module), text).replace(/\.[tj]s$/, '');

function readImport(module, statement, info) {
  const target = statement.moduleSpecifier;
  if (!target.text.startsWith('.') || target.text.endsWith('.wasm')) return;
  const from = pathOf(module, target);
  info.targets.push(from);
  for (const [name, place] of importedNames(statement, from)) info.imports.set(name, place);
}

function readExport(module, statement, info) {
  const target = statement.moduleSpecifier;
  const from = target === undefined ? undefined : pathOf(module, target);
  if (from !== undefined) info.targets.push(from);
  const names = exportedNames(statement, from);
  if (names === undefined) info.stars.push(from);
  else for (const [name, place] of names) info.exports.set(name, place);
}

function readDeclaration(statement, info) {
  const isExported = ts.getModifiers(statement)?.some(({ kind }) => kind === K.ExportKeyword) === true;
  const list = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [statement];
  for (const declaration of list) {
    const used = namesIn(declaration);
    const given = ts.isIdentifier(declaration.name) ? [declaration.name.text] : [...namesIn(declaration.name)];
    for (const name of given) {
      info.parts.set(name, used);
      if (isExported) info.exports.set(name, { name });
    }
  }
}

/** @param text of a module in JavaScript */
export function readModule(module, text) {
  const info = { targets: [], imports: new Map(), exports: new Map(), stars: [], parts: new Map(), does: undefined };
  const file = parse(text);
  for (const statement of file.statements) {
    if (ts.isImportDeclaration(statement)) readImport(module, statement, info);
    else if (ts.isExportDeclaration(statement)) readExport(module, statement, info);
    else if (DECLARING.has(statement.kind) && !ts.isExportAssignment(statement) && statement.kind !== K.EmptyStatement)
      readDeclaration(statement, info);
  }
  const statements = doing(file);
  if (statements.length > 0) info.does = new Set(statements.flatMap((statement) => [...namesIn(statement)]));
  return info;
}

export class WebModules {
  #modules;
  #hasEffect;
  #inPlace;

  /**
   * @param texts by the modules' names, in JavaScript
   * @param hasEffect whether a module counts wherever it is imported: the manifest's sideEffects
   * @param inPlace modules that are not asked to do what they do
   */
  constructor(texts, hasEffect, inPlace) {
    this.#modules = new Map([...texts].map(([name, text]) => [name, readModule(name, text)]));
    this.#hasEffect = hasEffect;
    this.#inPlace = inPlace;
  }

  has(module) {
    return this.#modules.has(module);
  }

  /** Where a module's export comes from: `{ module, name }`; the name `*` stands for all of that module. */
  resolve(module, name) {
    const info = this.#modules.get(module);
    if (info === undefined) return undefined;
    const given = info.exports.get(name);
    if (given !== undefined) {
      if (given.from !== undefined) return given.name === '*' ? { module: given.from, name: '*' } : this.resolve(given.from, given.name);
      const imported = info.imports.get(given.name);
      if (imported === undefined) return { module, name };
      return imported.name === '*' ? { module: imported.from, name: '*' } : this.resolve(imported.from, imported.name);
    }
    for (const star of info.stars) {
      const found = this.resolve(star, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Names that a module exports. */
  exportsOf(module) {
    const { exports, stars } = this.#modules.get(module);
    return [...new Set([...exports.keys(), ...stars.flatMap((star) => (this.has(star) ? this.exportsOf(star) : []))])];
  }

  /** Modules that a module imports for what they do. */
  targetsOf(module) {
    return this.#modules.get(module)?.targets ?? [];
  }

  /** Modules that do something when they are loaded, of those that a bundler keeps for some exports: `[module, name]`, the name `*` for all. In the order in which they are loaded. */
  loadedFor(wanted) {
    const [seen, modules, queue] = [new Set(), new Set(), []];
    const want = (module, name) => {
      const key = `${module}\0${name}`;
      if (!this.has(module) || seen.has(key)) return;
      seen.add(key);
      queue.push([module, name]);
    };
    for (const [module, name] of wanted) want(module, name);
    for (const [module, name] of queue) {
      const info = this.#modules.get(module);
      if (!modules.has(module)) {
        modules.add(module);
        for (const target of info.targets) if (this.#hasEffect(target)) want(target, '');
        for (const local of info.does ?? []) this.#wantLocal(info, module, local, want);
      }
      if (name === '*') for (const each of this.exportsOf(module)) want(module, each);
      else if (name.startsWith('#')) for (const local of info.parts.get(name.slice(1)) ?? []) this.#wantLocal(info, module, local, want);
      else if (name !== '') this.#wantExport(module, name, want);
    }
    return this.#inOrder(modules);
  }

  #wantExport(module, name, want) {
    const found = this.resolve(module, name);
    if (found === undefined) return;
    if (found.name === '*') return want(found.module, '*');
    const local = this.#modules.get(found.module).exports.get(found.name).name;
    want(found.module, `#${local}`);
  }

  #wantLocal(info, module, local, want) {
    const imported = info.imports.get(local);
    if (imported !== undefined) want(imported.from, imported.name);
    else if (info.parts.has(local)) want(module, `#${local}`);
  }

  /** Those of some modules that do something, in the order in which they are loaded. */
  #inOrder(modules) {
    const [order, seen] = [[], new Set()];
    const visit = (module) => {
      if (seen.has(module) || !this.has(module)) return;
      seen.add(module);
      for (const target of this.targetsOf(module)) visit(target);
      if (modules.has(module) && !this.#inPlace.has(module) && this.#modules.get(module).does !== undefined) order.push(module);
    };
    for (const module of modules) visit(module);
    return order;
  }

  /** All modules that do something of those that a module leads to, itself among them. */
  loadedBy(module) {
    const all = new Set([module]);
    for (const name of all) for (const target of this.targetsOf(name)) if (this.has(target)) all.add(target);
    return this.#inOrder(all);
  }
}
