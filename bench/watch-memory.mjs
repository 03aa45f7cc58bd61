// What a process holds, for programs that look whether it grows.

const MB = (bytes) => Math.round(bytes / 1e6);

/** From now on memories of WebAssembly are counted, so this comes before the library is imported. @returns a function that says what is held, in MB */
export function watchMemory() {
  const memories = [];
  const { Memory } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super(descriptor);
      memories.push(this);
    }
  };
  return () => {
    const { rss, heapUsed } = process.memoryUsage();
    const wasm = memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
    return { rss: MB(rss), wasm: MB(wasm), heap: MB(heapUsed) };
  };
}
