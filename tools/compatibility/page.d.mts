import type { Declarations } from './declarations.mjs';

export interface PyTorchNames {
  readonly version: string;
  readonly modules: Readonly<Record<string, readonly string[]>>;
}
type Library = Readonly<Record<string, unknown>>;
export declare function found(library: Library, module: string, name: string): { readonly text: string; readonly id: string } | undefined;
/** The ways to call a name, with the names of the arguments. */
export declare function formsOf(library: Library, declarations: Declarations, module: string, name: string): readonly string[] | undefined;
export declare function compatibilityPage(
  library: Library,
  declarations: Declarations,
  names: PyTorchNames,
  compared: ReadonlySet<string>,
): string;
