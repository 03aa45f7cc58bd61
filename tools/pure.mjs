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

/** The text of a module with its initial values marked. Lines stay where they are. */
export function markPure(text) {
  const file = ts.createSourceFile('module.js', text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS);
  const inserts = [];
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { initializer, name } of statement.declarationList.declarations) {
      if (initializer === undefined || !ts.isIdentifier(name) || ts.isClassExpression(initializer)) continue;
      const calls = [];
      if (isSimple(initializer, calls)) for (const call of calls) inserts.push([call.getStart(), MARK]);
      else inserts.push([initializer.getStart(), `${MARK}(() => (`], [initializer.getEnd(), '))()']);
    }
  }
  inserts.sort(([a], [b]) => b - a);
  return inserts.reduce((all, [at, what]) => all.slice(0, at) + what + all.slice(at), text);
}
