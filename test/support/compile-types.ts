/** Compiling TypeScript in tests: a file of given text that may import from the repository as `@/…`. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where the files lie; remove it afterwards. */
export const folder = mkdtempSync(join(tmpdir(), 'flambeau-types-'));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowImportingTsExtensions: true,
  noEmit: true,
};

const parsed = new Map<string, ts.SourceFile | undefined>();

/** Compiles a file of the given text that may import from the repository as `@/…`. Other files are parsed once for all. */
export function compile(name: string, text: string, options: ts.CompilerOptions = {}): { program: ts.Program; file: string } {
  const file = join(folder, name);
  writeFileSync(file, text.replaceAll("'@/", `'${root}`));
  const host = ts.createCompilerHost(OPTIONS);
  const parse = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) => {
    if (!parsed.has(path)) parsed.set(path, parse(path, ...rest));
    return parsed.get(path);
  };
  return { program: ts.createProgram([file], { ...OPTIONS, ...options }, host), file };
}

/** Error messages by line number: of one file, or of the whole program. */
export function errorsByLine(program: ts.Program, file?: string): Map<number, string> {
  const errors = new Map<number, string>();
  const source = file === undefined ? undefined : program.getSourceFile(file);
  for (const diagnostic of ts.getPreEmitDiagnostics(program, source)) {
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? -1;
    errors.set(line, ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
  }
  return errors;
}
