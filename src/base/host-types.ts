/**
 * Types of the hosts' own classes in the package's declarations. A program may be checked without the DOM library, without Node's types, or by a
 * TypeScript that is older than a name: each is the host's own where that is known, else the part that matters.
 */

/** Named as in the library `esnext.disposable`, which programs that do not say `using` leave out; it merges with that. */
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

/** Bytes in memory of their own: `Uint8Array<ArrayBuffer>`, which TypeScript before 5.7 calls `Uint8Array`. */
export type Bytes = ReturnType<Uint8Array['slice']>;

/** A `Blob` or `File`. */
export type HostBlob = typeof globalThis extends { Blob: { prototype: infer T } }
  ? T
  : { readonly size: number; readonly type: string; arrayBuffer(): Promise<ArrayBuffer> };

/** A `URL`. */
export type HostUrl = typeof globalThis extends { URL: { prototype: infer T } } ? T : { readonly href: string };

/** An `AbortSignal`. */
export type HostAbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer T } } ? T : { readonly aborted: boolean };

/** The function `fetch`. */
export type HostFetch = typeof globalThis extends { fetch: infer T } ? T : (url: string) => Promise<unknown>;

/** A `Response` of `fetch`. */
export type HostResponse = typeof globalThis extends { Response: { prototype: infer T } }
  ? T
  : { readonly ok: boolean; readonly status: number; arrayBuffer(): Promise<ArrayBuffer> };

/** A `WebAssembly.Memory`. */
export type HostMemory = typeof globalThis extends { WebAssembly: { Memory: { prototype: infer T } } }
  ? T
  : { readonly buffer: ArrayBuffer };
