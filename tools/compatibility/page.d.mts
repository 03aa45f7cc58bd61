export interface PyTorchNames {
  readonly version: string;
  readonly modules: Readonly<Record<string, readonly string[]>>;
}
type Library = Readonly<Record<string, unknown>>;
export declare function found(
  library: Library,
  module: string,
  name: string,
): { readonly text: string; readonly id: string } | undefined;
export declare function compatibilityPage(library: Library, names: PyTorchNames, compared: ReadonlySet<string>): string;
