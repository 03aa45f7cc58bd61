export interface ErrorClass {
  readonly name: string;
  readonly cause: string;
  readonly remedy: string | undefined;
  readonly example: string | undefined;
}
export declare function errorClasses(source: string): ErrorClass[];
export declare function exportedErrors(): (ErrorClass & { readonly place: string })[];
export declare function errorsPage(classes: readonly (ErrorClass & { readonly place: string })[]): string;
