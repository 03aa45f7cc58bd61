// Which names a module's import and export statements bring, and from where: `[name, { from, name }]`; the name `*` stands for all of a module.
import ts from 'typescript';

const listed = (elements, from) => elements.map(({ name, propertyName }) => [name.text, { from, name: (propertyName ?? name).text }]);

/** Names that an import brings into a module. @param from the module that is imported */
export function importedNames({ importClause }, from) {
  const bindings = importClause?.namedBindings;
  if (bindings === undefined) return [];
  return ts.isNamespaceImport(bindings) ? [[bindings.name.text, { from, name: '*' }]] : listed(bindings.elements, from);
}

/** Names that a statement exports; undefined for all those of another module. @param from the module that they come from, if any */
export function exportedNames({ exportClause }, from) {
  if (exportClause === undefined) return undefined;
  return ts.isNamespaceExport(exportClause) ? [[exportClause.name.text, { from, name: '*' }]] : listed(exportClause.elements, from);
}
