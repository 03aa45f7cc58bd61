import type { Plugin as EsbuildPlugin } from 'esbuild';
import type { Plugin } from 'vite';

export declare const pageText: EsbuildPlugin;
export declare const pageTextForVite: Plugin;
