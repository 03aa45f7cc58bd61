// The program in Node, Bun and Deno, by `import`.
import { readFileSync } from 'node:fs';
import { deserialize } from 'flambeau/files';
import { program } from './program.js';

const answer = program(deserialize(readFileSync(new URL('./net.pt', import.meta.url))));
console.log(JSON.stringify(answer));
