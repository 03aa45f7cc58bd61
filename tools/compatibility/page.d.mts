export interface PyTorchNames {
  readonly version: string;
  readonly modules: Readonly<Record<string, readonly string[]>>;
}
type Library = Readonly<Record<string, unknown>>;
export declare function found(library: Library, module: string, name: string): { readonly text: string; readonly id: string } | undefined;
/** How a name is called, with the names of its arguments. */
export declare function formOf(
  library: Library,
  module: string,
  name: string,
  compared: ReadonlyMap<string, readonly string[] | undefined>,
): string | undefined;
export declare function compatibilityPage(
  library: Library,
  names: PyTorchNames,
  compared: ReadonlyMap<string, readonly string[] | undefined>,
): string;
