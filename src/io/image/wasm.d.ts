/** A `.wasm` file of a dependency: its bytes, deflated and in base64 (`tools/wasm-text.mjs`). */
declare module '*.wasm' {
  const packed: string;
  export default packed;
}
