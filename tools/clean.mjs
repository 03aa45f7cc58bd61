// Empties dist/ before a build, so that no file of a renamed module survives.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
