export declare function codeOf(program: string): string;
export declare function tutorialPage(number: number, file: string, program: string, printed: string): string;
