import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { put, temporaryFolder } from '../../../tests/data/make.ts';
import { Table } from './table-rows.ts';
import { textLines } from './text-lines.ts';

function read(name: string, content: string | Uint8Array): { columns: readonly string[]; rows: unknown[] } {
  const folder = temporaryFolder();
  put(folder, { [name]: content });
  const path = join(folder, name);
  const table = new Table(path, textLines(path));
  const rows = [...table.rows()].map((row) => ('reason' in row ? `${row.line}: ${row.reason}` : row.fields));
  return { columns: table.columns, rows };
}

describe('a table', () => {
  test('whose quoting is right is read as csv-parse reads it', () => {
    const field = fc.string({
      unit: fc.constantFrom('a', 'é', ' ', '"', ',', '\n', ';', '\t', '.'),
      maxLength: 8,
    });
    const rows = fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 8 });
    const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    fc.assert(
      fc.property(rows, (table) => {
        const lines = table.map((fields) => fields.map(quoted).join(','));
        const text = `path,title,more\n${lines.join('\n')}\n`;
        const whole = table.filter((fields) => fields.some((item) => item.trim() !== ''));
        const wanted = parse(text, { from_line: 2, skip_empty_lines: true }) as string[][];
        expect(read('a.csv', text).rows).toEqual(whole);
        expect(wanted.filter((fields) => fields.some((item) => item.trim() !== ''))).toEqual(whole);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test.each([
    ['comma', 'a.csv', 'path,title\nx.png,a\n'],
    ['semicolon', 'a.csv', 'path;title\nx.png;a\n'],
    ['tab', 'a.csv', 'path\ttitle\nx.png\ta\n'],
    ['tab by its name', 'a.tsv', 'path\ttitle\nx.png\ta\n'],
    ['byte order mark', 'a.csv', '\ufeffpath,title\nx.png,a\n'],
    ['UTF-16', 'a.csv', Buffer.from('\ufeffpath,title\nx.png,a\n', 'utf16le')],
    ['carriage returns', 'a.csv', 'path,title\rx.png,a\r'],
    ['line ends of Windows', 'a.csv', 'path,title\r\nx.png,a\r\n'],
    ['blank lines and blank rows', 'a.csv', '\n\npath,title\n\n,\nx.png,a\n\n'],
    ['empty cells behind the last column', 'a.csv', 'path,title\nx.png,a,,\n'],
    ['no line end at its end', 'a.csv', 'path,title\nx.png,a'],
  ])('%s', (_, name, content) => {
    expect(read(name, content)).toEqual({ columns: ['path', 'title'], rows: [['x.png', 'a']] });
  });

  test('line ends may change from row to row, and a text may have some', () => {
    const text = 'path,title\nx.png,a\r\ny.png,"b\r\nc"\rz.png,d\n';
    expect(read('a.csv', text).rows).toEqual([
      ['x.png', 'a'],
      ['y.png', 'b\nc'],
      ['z.png', 'd'],
    ]);
  });

  test.each([
    ['never closed', '"a'],
    ['closed in the middle', '"Fountain" by Duchamp'],
    ['an inch', '24" wide'],
    ['doubled, never closed', '""a'],
  ])('a stray quotation mark loses no row: %s', (_, title) => {
    for (const [name, tab] of [
      ['a.csv', ','],
      ['a.tsv', '\t'],
    ] as const) {
      const rows = Array.from({ length: 500 }, (_, k) => `${k}.png${tab}caption ${k}`);
      rows[100] = `100.png${tab}${title}`;
      rows[300] = `300.png${tab}${title}`;
      const got = read(name, `path${tab}title\n${rows.join('\n')}\n`).rows as string[][];
      expect(got.map(([path]) => path)).toEqual(Array.from({ length: 500 }, (_, k) => `${k}.png`));
      expect(got[100]![1]).toBe(title === '""a' ? '""a' : title);
    }
  });

  test('a row that opens a quoted text in one row and closes it at the end of another', () => {
    const text = 'path,title\n1.png,"one\n2.png,two\n3.png,three"\n4.png,four\n';
    expect((read('a.csv', text).rows as string[][]).map(([path]) => path)).toEqual([
      '1.png',
      '2.png',
      '3.png',
      '4.png',
    ]);
  });

  test('a row with other fields than the header is told with its line', () => {
    expect(read('a.csv', 'path,title\nx.png\ny.png,a,b\nz.png,c\n').rows).toEqual([
      '2: the row has 1 fields, expected 2',
      '3: the row has 3 fields, expected 2',
      ['z.png', 'c'],
    ]);
  });

  test('a line of 40 MB is one bad row, and the next is read', () => {
    const text = `path,title\nx.png,${'a'.repeat(40 << 20)}\ny.png,b\n`;
    expect(read('a.csv', text).rows).toEqual([
      expect.stringMatching(/^2: the line is too long/),
      ['y.png', 'b'],
    ]);
  });

  test('bytes that are no UTF-8 mark their rows', () => {
    const folder = temporaryFolder();
    put(folder, { 'a.csv': Buffer.from('path,title\nx.png,caf\xe9\n', 'latin1') });
    const path = join(folder, 'a.csv');
    expect([...new Table(path, textLines(path)).rows()]).toEqual([
      { fields: ['x.png', 'caf\ufffd'], line: 2, damaged: true },
    ]);
  });
});
