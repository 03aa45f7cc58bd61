export declare const ISOLATION: Readonly<Record<string, string>>;
