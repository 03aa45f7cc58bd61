/* global expect, test */
import { readFileSync } from 'node:fs';
import { deserialize } from 'flambeau/files';
import { program } from './program.js';

test('the program', () => {
  const answer = program(deserialize(readFileSync('net.pt')));
  expect(answer.losses).toHaveLength(6);
  console.log(`answer:${JSON.stringify(answer)}:`);
});
