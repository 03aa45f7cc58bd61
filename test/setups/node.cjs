// The program in Node as a CommonJS module: by require where the host can (Node 22, Bun, Deno), which is asked for with an argument, else by import().
/* global __dirname, console, process */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

async function main() {
  const isRequired = process.argv[2] === 'require';
  const { deserialize } = isRequired ? require('flambeau/files') : await import('flambeau/files');
  const { program } = isRequired ? require('./program.js') : await import('./program.js');
  console.log(JSON.stringify(program(deserialize(readFileSync(join(__dirname, 'net.pt'))))));
}

void main();
