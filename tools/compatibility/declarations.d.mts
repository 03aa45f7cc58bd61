/** How a function, method or layer of the library is called, by its declarations. */
export declare class Declarations {
  /**
   * @param root the repository
   * @param entries files that export the library
   * @param spaces files that export what stands under a name of it
   */
  constructor(root: string, entries: readonly string[], spaces?: Readonly<Record<string, string>>);
  /** The ways to call a name, as text of the arguments; undefined for what is not called. @param path `nn.Conv2d`; `Tensor.add`, a method of its instances */
  formsOf(path: string): readonly string[] | undefined;
  /** Whether it is a class that one's own extend. */
  isAbstract(path: string): boolean;
}
