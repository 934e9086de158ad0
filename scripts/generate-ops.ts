/**
 * Writes src/torch/ops.ts from scripts/ops.txt and the schemas of the libtorch at hand.
 *   node --import jiti/register scripts/generate-ops.ts [--check]
 * --check writes nothing: it fails when the file differs from what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Native } from '../native/native.d.ts';
import { parseSchema, type Schema, type SchemaArgument } from '../src/torch/schema.ts';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const { addon } = JSON.parse(readFileSync(join(root, 'build/addon.json'), 'utf8')) as { addon: string };
const native = createRequire(import.meta.url)(resolve(root, addon)) as Native;

const TYPES: Record<string, string> = {
  Tensor: 'Tensor',
  'Tensor[]': 'readonly Tensor[]',
  'Tensor?[]': 'readonly (Tensor | null)[]',
  Scalar: 'number | boolean',
  'Scalar[]': 'readonly number[]',
  int: 'number',
  'int[]': 'number | readonly number[]',
  float: 'number',
  'float[]': 'readonly number[]',
  bool: 'boolean',
  'bool[]': 'readonly boolean[]',
  str: 'string',
  ScalarType: 'DType',
  Device: 'string',
  Layout: 'number',
  MemoryFormat: 'number',
  Generator: 'Generator',
};

/** JavaScript's reserved words among libtorch's argument names. */
const safe = (name: string) => (['default', 'in', 'function'].includes(name) ? `${name}_` : name);
export const functionName = (schema: Schema) => schema.name + (schema.overload ? `_${schema.overload}` : '');

function pass(argument: SchemaArgument): string {
  const name = safe(argument.name);
  const soft = argument.optional || argument.hasDefault;
  switch (argument.type) {
    case 'Tensor':
      return soft ? `${name} == null ? ${name} : ${name}.handle` : `${name}.handle`;
    case 'Tensor[]':
      return `handles(${name})`;
    case 'Tensor?[]':
      return `optionalHandles(${name})`;
    case 'ScalarType':
      return `${name} == null ? ${name} : DTYPE_CODE[${name}]`;
    case 'Generator':
      return `${name} == null ? ${name} : ${name}.id`;
    default:
      return name;
  }
}

function parameter(argument: SchemaArgument): string {
  const type = TYPES[argument.type];
  if (!type) throw new Error(`no TypeScript type for ${argument.type} (${argument.name})`);
  const soft = argument.optional || argument.hasDefault;
  return `${safe(argument.name)}${soft ? '?' : ''}: ${type}${argument.optional ? ' | null' : ''}`;
}

function result(schema: Schema, call: string): { type: string; body: string } {
  const inPlace = schema.returns[0]?.writes;
  if (inPlace) return { type: 'Tensor', body: `${call};\n  return ${safe(schema.arguments[0].name)};` };
  if (schema.returns.length === 0) return { type: 'void', body: `${call};` };
  if (schema.returns.length > 1) {
    const type = `[${schema.returns.map(() => 'Tensor').join(', ')}]`;
    return { type, body: `return many(${call}) as ${type};` };
  }
  return schema.returns[0].type === 'Tensor[]'
    ? { type: 'Tensor[]', body: `return many(${call});` }
    : { type: 'Tensor', body: `return one(${call});` };
}

function emit(schema: Schema, text: string, at: number): string {
  // A soft argument may be followed by a hard one in a schema; TypeScript then wants `| undefined` instead of `?`.
  const lastHard = schema.arguments.map((a) => a.optional || a.hasDefault).lastIndexOf(false);
  const parameters = schema.arguments.map((a, i) => {
    const p = parameter(a);
    return i < lastHard ? p.replace('?:', ': undefined |') : p;
  });
  const call = `call(${[`OPS[${at}]`, ...schema.arguments.map(pass)].join(', ')})`;
  const { type, body } = result(schema, call);
  return `/** \`${text}\` */\nexport function ${functionName(schema)}(${parameters.join(', ')}): ${type} {\n  ${body}\n}\n`;
}

const lines = readFileSync(join(root, 'scripts/ops.txt'), 'utf8')
  .split('\n')
  .filter((line) => line && !line.startsWith('#'));
const texts = lines.map((line) => {
  if (line.includes('(')) return line;
  const [name, overload = ''] = line.split('.');
  const text = native.schema(name, overload);
  if (!text) throw new Error(`this libtorch has no ${line}: write its schema into scripts/ops.txt`);
  return text;
});
const schemas = texts.map(parseSchema);
const output = `// Written by scripts/generate-ops.ts from scripts/ops.txt. Do not edit; \`npm test\` checks it against libtorch.
import { DTYPE_CODE, type DType } from './dtype.ts';
import { native } from './native.ts';
import type { Generator } from './random.ts';
import { handles, many, one, optionalHandles } from './results.ts';
import type { Tensor } from './tensor.ts';

const { call } = native;

/** The schemas that the functions below were made from: names and order of arguments are checked at test time. */
export const SCHEMAS: readonly string[] = [
${texts.map((text) => `  ${JSON.stringify(text).replace(/^"|"$/g, "'")},`).join('\n')}
];

const OPS = SCHEMAS.map((text) => {
  const [name, overload = ''] = text.slice(0, text.indexOf('(')).split('.');
  return native.findOp(name, overload);
});

/** Whether this libtorch has the op, e.g. has('aten::scaled_dot_product_attention'). Only for ops of scripts/ops.txt. */
export function has(name: string): boolean {
  const at = SCHEMAS.findIndex((text) => text.startsWith(\`\${name}(\`));
  return at >= 0 && OPS[at] >= 0;
}

${schemas.map((schema, i) => emit(schema, texts[i], i)).join('\n')}`;
const target = join(root, 'src/torch/ops.ts');
if (process.argv.includes('--check')) {
  const same = readFileSync(target, 'utf8') === output;
  console.log(
    same ? 'src/torch/ops.ts is up to date' : 'src/torch/ops.ts differs: run scripts/generate-ops.ts',
  );
  process.exit(same ? 0 : 1);
}
writeFileSync(target, output);
console.log(`${schemas.length} ops -> src/torch/ops.ts`);
