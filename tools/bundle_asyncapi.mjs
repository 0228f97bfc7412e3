// Check the AsyncAPI document and write it as one JSON file: every $ref to another file becomes a named schema.
// Usage: node tools/bundle_asyncapi.mjs SOURCE [TARGET]; exits 1 when the document is not valid.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { load } from 'js-yaml';

const [source, target] = process.argv.slice(2);
const files = new Map();
const schemas = {};

const read = (path) => {
  if (!files.has(path)) files.set(path, load(readFileSync(path, 'utf8')));
  return files.get(path);
};

const at = (document, pointer) => pointer.split('/').slice(1).reduce((node, key) => node[key], document);

/** Replace references that leave the root document by `#/components/schemas/NAME`. */
function localise(node, file) {
  if (Array.isArray(node)) return node.map((item) => localise(item, file));
  if (node === null || typeof node !== 'object') return node;
  if (typeof node.$ref !== 'string') {
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, localise(value, file)]));
  }
  const [path, pointer] = node.$ref.split('#');
  const other = path ? resolve(dirname(file), path) : file;
  if (other === root) return node;
  const name = pointer.split('/').at(-1);
  if (!(name in schemas)) {
    schemas[name] = null; // stops recursion
    schemas[name] = localise(at(read(other), pointer), other);
  }
  return { $ref: `#/components/schemas/${name}` };
}

const root = resolve(source);
const bundled = localise(read(root), root);
bundled.components.schemas = { ...bundled.components.schemas, ...schemas };

const { diagnostics } = await new Parser().parse(JSON.stringify(bundled));
const errors = diagnostics.filter((d) => d.severity === 0);
for (const d of diagnostics.filter((d) => d.severity <= 1)) {
  console.error(`${d.severity === 0 ? 'error' : 'warning'} ${d.code} at ${d.path.join('/')}: ${d.message}`);
}
if (errors.length > 0) process.exit(1);
if (target) writeFileSync(target, `${JSON.stringify(bundled, null, 2)}\n`);
console.log(`${source}: valid AsyncAPI ${bundled.asyncapi}`);
