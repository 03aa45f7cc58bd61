import type { Plugin as EsbuildPlugin } from 'esbuild';
import type { Plugin } from 'vite';

export declare const wasmText: EsbuildPlugin;
export declare const wasmTextForVite: Plugin;
