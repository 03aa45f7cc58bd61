export declare const CHAPTERS: Readonly<Record<string, readonly string[]>>;
