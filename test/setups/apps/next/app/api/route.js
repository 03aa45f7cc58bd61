/* global Response */
import { readFileSync } from 'node:fs';
import { deserialize } from 'flambeau/files';
import { program } from '../../program.js';

export const dynamic = 'force-dynamic';

export function GET() {
  return Response.json(program(deserialize(readFileSync('net.pt'))));
}
