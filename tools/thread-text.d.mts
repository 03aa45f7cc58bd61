import type { Plugin as EsbuildPlugin } from 'esbuild';
import type { Plugin } from 'vite';

export declare const threadText: EsbuildPlugin;
export declare const threadTextForVite: Plugin;
