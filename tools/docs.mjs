/**
 * npm run docs: the documentation as one folder of static pages, docs/site: the chapters of docs/, the tutorials with what they print, the examples, the errors,
 * and the API, all searched offline. TypeDoc makes it (tools/site/plugin.mjs has the chapters); its warnings are errors, and so are links that lead nowhere.
 *
 *     npm run docs -- --check     only whether TypeDoc warns of anything; writes nothing
 */
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import { CHAPTERS } from './site/chapters.mjs';
import { makePages } from './site/made-pages.mjs';
import { faultyTerms } from './site/search-index.mjs';
import { deadLinks } from './site/site-links.mjs';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const check = process.argv.includes('--check');
const OUT = at('docs/site');

const made = check || process.argv.includes('--no-run') ? [] : await makePages();
const documents = Object.values(CHAPTERS)
  .flat()
  .filter((path) => !check || !path.startsWith('docs/made/'));
const app = await Application.bootstrapWithPlugins({
  options: at('typedoc.json'),
  projectDocuments: documents.map(at),
});
const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
if (!check) await app.generateDocs(project, OUT);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
if (!check) {
  const faults = [...deadLinks(OUT), ...faultyTerms(OUT).map((term) => `search.js: a search would stop at ${term}`)];
  if (faults.length > 0) {
    console.error(faults.join('\n'));
    process.exit(1);
  }
  console.log(`docs/site/index.html: ${made.length} pages made of programs that ran`);
}
