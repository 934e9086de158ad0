import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';

// jiti cannot import it.
const { chromium } = createRequire(import.meta.url)('playwright-core') as typeof import('playwright-core');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of a Chromium: CHROME, or one of PATH. Undefined where there is none. */
export function findChromium(): string | undefined {
  if (process.env.CHROME) return process.env.CHROME;
  const folders = (process.env.PATH ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Root has no sandbox for it. */
export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });

export interface Watched {
  /** Addresses of all requests, the worker's too. */
  readonly requests: string[];
  /** What a console shows as an error or a warning, broken policies included. */
  readonly complaints: string[];
}

export function watch(page: Page): Watched {
  const watched: Watched = { requests: [], complaints: [] };
  page.context().on('request', (request) => watched.requests.push(request.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) watched.complaints.push(message.text());
  });
  page.on('pageerror', (error) => watched.complaints.push(error.message));
  return watched;
}
