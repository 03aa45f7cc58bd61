/**
 * Marks what a module computes when it is loaded as pure, so that bundlers leave it out where nobody uses it: tables of rules, caches, memoised constructors. In
 * this library a variable's initial value does nothing but make that value; what must happen when a module is loaded is a statement of its own
 * (`registerApply(apply);`). Bundlers cannot know that: to them any call and any `...` may do something.
 */
import ts from 'typescript';

const MARK = '/* @__PURE__ */ ';

/** Whether bundlers see by themselves that evaluating it does nothing; calls in it are noted, to be marked. */
function isSimple(node, calls) {
  if (ts.isFunctionLike(node) || ts.isIdentifier(node) || ts.isLiteralExpression(node)) return true;
  if (ts.isParenthesizedExpression(node)) return isSimple(node.expression, calls);
  if (ts.isPrefixUnaryExpression(node)) return ts.isLiteralExpression(node.operand);
  if (ts.isArrayLiteralExpression(node)) return node.elements.every((element) => isSimple(element, calls));
  if (ts.isObjectLiteralExpression(node)) return node.properties.every((property) => isPlainProperty(property, calls));
  if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
    if (ts.isFunctionLike(unwrapped(node.expression))) return false;
    calls.push(node);
    return (node.arguments ?? []).every((argument) => isSimple(argument, calls));
  }
  return [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword, ts.SyntaxKind.NullKeyword].includes(node.kind);
}

const unwrapped = (node) => (ts.isParenthesizedExpression(node) ? unwrapped(node.expression) : node);

function isPlainProperty(property, calls) {
  if (ts.isShorthandPropertyAssignment(property) || ts.isMethodDeclaration(property)) return true;
  return ts.isPropertyAssignment(property) && !ts.isComputedPropertyName(property.name) && isSimple(property.initializer, calls);
}

/** Whatever it is, as what does nothing but make its value. */
const pure = (text) => `${MARK}(() => (${text}))()`;

/** Whether a class has blocks, or names of members that bundlers take for something that may do anything. */
const doesMore = ({ members }) =>
  members.some((member) => ts.isClassStaticBlockDeclaration(member) || (member.name !== undefined && isOpen(member.name)));
const isOpen = (name) => ts.isComputedPropertyName(name) && !/^Symbol\s*\.\s*(asyncI|i)terator$/.test(name.expression.getText());

/** A class expression has the name of its variable only where it is the variable's value at once. */
const namedClass = (node, name) => (node.name === undefined ? node.getText().replace(/^class\b/, `class ${name}`) : node.getText());

/** Names that a pattern declares. */
function namesOf(pattern) {
  const elements = pattern.elements.filter((element) => !ts.isOmittedExpression(element));
  return elements.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : namesOf(name)));
}

/** `[a, b] = …` and `{ a, b } = …` as a variable for each name, of which bundlers can leave out some. */
function apart(pattern, initializer, number) {
  const names = namesOf(pattern);
  const values = ts.isArrayLiteralExpression(initializer) ? initializer.elements : [];
  const isPlain = values.length === names.length && ts.isArrayBindingPattern(pattern) && pattern.elements.length === names.length;
  if (isPlain && pattern.elements.every(({ name, initializer: standard }) => ts.isIdentifier(name) && standard === undefined)) {
    return names.map((name, i) => `${name} = ${pure(values[i].getText())}`).join(', ');
  }
  const whole = `$whole${number}`;
  const parts = names.map((name) => `${name} = ${MARK}((${pattern.getText()}) => ${name})(${whole})`);
  return [`${whole} = ${pure(initializer.getText())}`, ...parts].join(', ');
}

/** `var x_exports = {}; __export(x_exports, {…})`, esbuild's namespaces, as one initial value. */
export const namespacesAsValues = (text) =>
  text.includes('__export')
    ? text
        .replace(/\bvar (\w+_exports\d*) = \{\};\s*__export\(\1, (\{[^{}]*\})\);/g, 'var $1 = __export({}, $2);')
        .replace(/(\bvar __export = \(target, all\) => \{\s*for \([^)]*\)\s*__defProp\([^;]*;)\s*\};/, '$1 return target; };')
    : text;

/** The text of a module with its initial values marked. Lines stay where they are. */
export function markPure(text) {
  const file = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const edits = [];
  const put = (start, end, what) => edits.push({ start, end, what });
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { initializer, name } of statement.declarationList.declarations) {
      if (initializer === undefined) continue;
      if (ts.isClassExpression(initializer)) {
        if (doesMore(initializer)) put(initializer.getStart(), initializer.getEnd(), pure(namedClass(initializer, name.getText())));
        continue;
      }
      if (!ts.isIdentifier(name)) {
        put(name.getFullStart(), initializer.getEnd(), ` ${apart(name, initializer, edits.length)}`);
        continue;
      }
      const calls = [];
      if (isSimple(initializer, calls)) for (const call of calls) put(call.getStart(), call.getStart(), MARK);
      else put(initializer.getStart(), initializer.getEnd(), pure(initializer.getText()));
    }
  }
  edits.sort((a, b) => b.start - a.start);
  return edits.reduce((all, { start, end, what }) => all.slice(0, start) + what + all.slice(end), text);
}
