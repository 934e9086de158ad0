import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

/** As plain file hosts have them: .wasm, .onnx and .bin are unknown. */
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.webp': 'image/webp',
};

/** A file host on loopback. */
export interface Host {
  readonly origin: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  close(): void;
}

export async function serve(folder: string): Promise<Host> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://host').pathname);
    asked.push(path);
    const file = join(folder, normalize(path.endsWith('/') ? `${path}index.html` : path));
    const bytes = await readFile(file).catch(() => undefined);
    response.statusCode = bytes ? 200 : 404;
    response.setHeader('content-type', TYPES[extname(file)] ?? 'text/plain');
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, asked, close: () => server.close() };
}
