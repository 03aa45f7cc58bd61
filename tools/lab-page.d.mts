/** The laboratory as the text of one HTML file. */
export declare function labPage(options?: { readonly minify?: boolean }): Promise<string>;
