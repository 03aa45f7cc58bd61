// npm run lab [-- --port 4173] [--build] [--out DIR]: makes the laboratory (lab/) as one HTML file and serves it on this machine.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { labPage } from './lab-page.mjs';
import { ISOLATION } from './isolation.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '4173' },
    out: { type: 'string', default: fileURLToPath(new URL('../lab/dist', import.meta.url)) },
    build: { type: 'boolean', default: false },
  },
});

function serve(page, port) {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path !== '/' && path !== '/index.html') return response.writeHead(404).end();
    // Isolated, so that a run may use several threads.
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', ...ISOLATION }).end(page);
  });
  server.on('error', (error) => {
    console.error(`lab: ${error.message}; choose another port with --port`);
    process.exit(1);
  });
  server.listen(Number(port), 'localhost', () => {
    console.log(`The laboratory is at http://localhost:${port} (Ctrl+C ends it)`);
  });
}

const page = await labPage();
const file = join(resolve(options.out), 'index.html');
mkdirSync(resolve(options.out), { recursive: true });
writeFileSync(file, page);
console.log(
  `${relative(process.cwd(), file)}: ${Math.round(new TextEncoder().encode(page).length / 1024)} KB, works without a server, too`,
);
if (!options.build) serve(page, options.port);
