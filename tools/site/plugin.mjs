/**
 * What the documentation site (tools/docs.mjs) wants of TypeDoc beyond its options: documents by their headings, in chapters, modules by the names
 * that one imports, and a search that knows words.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Converter, KindRouter, ReflectionKind, Renderer } from 'typedoc';
import { CHAPTERS } from './chapters.mjs';
import { wordsOf } from './search-index.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');

const documents = Object.entries(CHAPTERS).flatMap(([chapter, paths]) => paths.map((path) => ({ chapter, path })));
const nameOf = (path) => basename(path, '.md');
const order = new Map(documents.map(({ path }, i) => [nameOf(path), i]));

/** What one imports modules by, where that is not the folder's name. */
const IMPORTS = { index: '', io: '/files', 'io/web': '/files/web', 'train/tensorboard': '/utils/tensorboard' };

/** Comments anywhere link to these classes, which `flambeau` exports. */
const ERRORS = new Set([...read('src/base/errors.ts').matchAll(/^export class (\w+)/gm)].map(([, name]) => name));

/** Long documents that have nearly every word. */
const FOUND_LAST = new Set(['CHANGELOG', 'ARCHITECTURE']);

/** The files of documents, which their addresses are made of. */
const stems = new WeakMap();

class Router extends KindRouter {
  getIdealBaseName(reflection) {
    const stem = stems.get(reflection);
    return stem === undefined ? super.getIdealBaseName(reflection) : `documents/${stem}`;
  }
}

const textOf = (parts) => parts.map(({ text }) => text).join('\n');

/** What the search knows of a document or declaration beside its name. */
function searched(reflection) {
  if (reflection.isDocument()) return { document: wordsOf(textOf(reflection.content)) };
  const { signatures = [], getSignature, setSignature } = reflection;
  const comments = [reflection, ...signatures, getSignature, setSignature].flatMap((of) => of?.comment ?? []);
  return {
    comment: wordsOf(textOf(comments.flatMap(({ summary, blockTags }) => [...summary, ...blockTags.flatMap((tag) => tag.content)]))),
  };
}

/** What TypeDoc calls. */
export function load(app) {
  app.renderer.defineRouter('chapters', Router);
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const stem = basename(document.name);
    const { chapter, path } = documents[order.get(stem)];
    document.name = /^# (.+)$/m.exec(read(path))[1].replaceAll('`', '');
    document.frontmatter.group = chapter;
    document.relevanceBoost = FOUND_LAST.has(stem) ? 1 : 4;
    stems.set(document, stem.toLowerCase());
  });
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, module) => {
    if (!module.kindOf(ReflectionKind.Module) || !module.parent?.isProject()) return;
    module.name = `flambeau${IMPORTS[module.name] ?? `/${module.name}`}`;
  });
  app.converter.addUnknownSymbolResolver((reference) => {
    const name = reference.symbolReference?.path?.map(({ path }) => path).join('.') ?? '';
    return ERRORS.has(name) ? `../classes/flambeau.${name}.html` : undefined;
  });
  app.renderer.on(Renderer.EVENT_PREPARE_INDEX, (event) => {
    // What a class has from another one is found there: a hundred layers have a `loadStateDict`.
    for (let i = event.searchResults.length - 1; i >= 0; i--)
      if (event.searchResults[i].inheritedFrom?.reflection !== undefined) event.removeResult(i);
    for (const [i, reflection] of event.searchResults.entries()) Object.assign(event.searchFields[i], searched(reflection));
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    const place = (document) => [...order.keys()].findIndex((stem) => stem.toLowerCase() === stems.get(document));
    project.documents?.sort((a, b) => place(a) - place(b));
    project.childrenIncludingDocuments = [...(project.documents ?? []), ...(project.children ?? [])];
  });
}
