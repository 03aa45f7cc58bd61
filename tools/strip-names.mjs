/**
 * The source of a kernel generator without the names of its local variables, for the shipped code: `f.let('row', …)` names
 * them for those who read or print a kernel in development; no machine code depends on them, and they are 2 KB of what a
 * browser downloads.
 */
export function stripKernelNames(path, text) {
  if (!/[\\/]src[\\/](kernels|tensor[\\/]ops)[\\/]/.test(path)) return text;
  const naming = /\.(let|local|for)\((\s*)(?:'\w+'|`[^`]*`),/g;
  const helpers = /\b(minI32|maxI32|forStep)\(f, '\w+',/g;
  return text
    .replace(naming, (_, method, space) => `.${method}(${space}0,`) // a line stays a line
    .replace(helpers, (_, helper) => `${helper}(f, 0,`);
}
