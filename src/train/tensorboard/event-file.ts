/** A file of events, to which each is added as it comes: nothing is lost when a program ends early. Node only. */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileVersion } from './events.ts';
import { framed } from './records.ts';

let files = 0;

export class EventFile {
  readonly path: string;
  #file: number | undefined;

  /** Makes the folder and a file in it with a name of its own, as other writers call theirs. */
  constructor(folder: string, suffix: string) {
    mkdirSync(folder, { recursive: true });
    const now = Date.now() / 1000;
    const seconds = String(Math.floor(now)).padStart(10, '0');
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}${suffix}`);
    this.#file = openSync(this.path, 'wx');
    this.add(fileVersion(now));
  }

  add(event: Uint8Array): void {
    if (this.#file === undefined) return;
    const bytes = framed(event);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done);
  }

  /** Waits until the disk has it all. */
  flush(): void {
    if (this.#file !== undefined) fsyncSync(this.#file);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
