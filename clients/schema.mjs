// The committed schema, and which fields of it something needs.
import { readFileSync } from 'node:fs';
import { buildSchema } from 'graphql';

let built;
export function schema() {
  built ??= buildSchema(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8'));
  return built;
}

/** Those of "Type.field" that the schema does not have. */
export function lacking(schema, coordinates) {
  return coordinates.filter(coordinate => {
    const [type, field] = coordinate.split('.');
    return !schema.getType(type)?.getFields?.()[field];
  });
}
