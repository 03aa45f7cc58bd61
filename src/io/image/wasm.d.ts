/** A `.wasm` file of a dependency: its bytes in base64 (`tools/wasm-text.mjs`). */
declare module '*.wasm' {
  const base64: string;
  export default base64;
}
