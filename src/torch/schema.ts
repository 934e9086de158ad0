export interface SchemaArgument {
  name: string;
  /** Tensor, Tensor[], Tensor?[], Scalar, int[] ... */
  type: string;
  optional: boolean;
  hasDefault: boolean;
}

export interface Schema {
  name: string;
  overload: string;
  arguments: SchemaArgument[];
  /** `writes`: the op changes this argument in place. */
  returns: { type: string; writes: boolean }[];
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if ('([{'.includes(text[i])) depth++;
    else if (')]}'.includes(text[i])) depth--;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
  }
  const last = text.slice(from).trim();
  return last ? [...parts, last] : parts;
}

/** `Tensor(a!)[]` -> Tensor[]; `SymInt[2]?` -> int[], optional. */
function parseType(text: string): { type: string; optional: boolean; writes: boolean } {
  const writes = /\([a-z| ]*!/.test(text);
  let type = text
    .replace(/\([^)]*\)/g, '')
    .replace(/SymInt/g, 'int')
    .replace(/\[\d+\]/g, '[]');
  const optional = type.endsWith('?');
  if (optional) type = type.slice(0, -1);
  return { type, optional, writes };
}

function parseArgument(text: string): SchemaArgument {
  const [declaration, fallback] = text.split('=', 2);
  const space = declaration.lastIndexOf(' ');
  const { type, optional } = parseType(declaration.slice(0, space).trim());
  return { name: declaration.slice(space + 1), type, optional, hasDefault: fallback !== undefined };
}

/** Parses `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */
export function parseSchema(text: string): Schema {
  const open = text.indexOf('(');
  const arrow = text.lastIndexOf(' -> ');
  const [name, overload = ''] = text.slice(text.indexOf('::') + 2, open).split('.');
  const inside = splitTopLevel(text.slice(open + 1, text.lastIndexOf(')', arrow)));
  const returned = text.slice(arrow + 4).trim();
  // "(Tensor a, Tensor b)" is a tuple, "Tensor(a!)" is not.
  const returns = returned.startsWith('(') ? splitTopLevel(returned.slice(1, -1)) : [returned];
  return {
    name,
    overload,
    arguments: inside.filter((part) => part !== '*').map(parseArgument),
    returns: returns.map((part) => parseType(part.replace(/ [a-z_0-9]+$/i, ''))),
  };
}
