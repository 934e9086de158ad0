// tokenizer.json and tokenizer_config.json, as transformers and transformers.js read them.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { clipTokenizerJson, clipTokens } from '../data/tokenizer/clip.ts';
import { clipMerges } from '../data/tokenizer/clip-merges.ts';
import type { Tokenizer } from '../data/tokenizer/tokenizer.ts';
import { readJsonFile } from '../io/json-file.ts';

type Json = Record<string, unknown>;
interface File extends Json {
  added_tokens: { id: number; content: string }[];
  model: { type: string; end_of_word_suffix?: string | null; unk_token?: string | null };
}

/** Writes both. @param source the run's tokenizer.json, where its tokenizer is no CLIP's */
export async function writeTokenizer(folder: string, tokenizer: Tokenizer, source?: string): Promise<void> {
  const json = framed(tokenizerJson(tokenizer, source), tokenizer);
  const write = (name: string, content: unknown) =>
    writeFile(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
  await write('tokenizer.json', json);
  await write('tokenizer_config.json', configOf(json, tokenizer));
}

function tokenizerJson({ spec }: Tokenizer, source: string | undefined): File {
  if (spec.type === 'clip') {
    const merges = clipMerges();
    return clipTokenizerJson(
      clipTokens(merges.map(([left, right]) => left + right)),
      merges,
    ) as unknown as File;
  }
  // The file has keys that Couplet does not read, and other programs do.
  if (source !== undefined && existsSync(source))
    return readJsonFile(
      source,
      z.custom<File>(() => true),
      'It is the tokenizer of the run.',
      {
        anyKeys: true,
        maxValues: 4_000_000,
      },
    );
  return { version: '1.0', ...spec.json } as unknown as File;
}

/** With start and end around a text, as Couplet puts them; programs cut and pad by their own settings. */
function framed(json: File, tokenizer: Tokenizer): File {
  const { startOfText, endOfText } = tokenizer;
  const around = [startOfText, endOfText].flatMap((id) =>
    id === undefined ? [] : { id, name: nameOf(json, id)! },
  );
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const text = { Sequence: { id: 'A', type_id: 0 } };
  const [end, start] = around.reverse().map(({ name }) => special(name));
  return {
    normalizer: null,
    pre_tokenizer: null,
    decoder: null,
    ...json,
    truncation: null,
    padding: null,
    post_processor: isClip(json, tokenizer)
      ? json.post_processor
      : {
          type: 'TemplateProcessing',
          single: [...(start ? [start] : []), text, end],
          pair: [text, { Sequence: { id: 'B', type_id: 0 } }],
          special_tokens: Object.fromEntries(
            around.map(({ id, name }) => [name, { id: name, ids: [id], tokens: [name] }]),
          ),
        },
  };
}

/** Of an added token. */
const nameOf = ({ added_tokens: added }: Pick<File, 'added_tokens'>, id: number) =>
  added.find((token) => token.id === id)?.content;

/** transformers makes CLIP's tokenizer from vocabulary and merges alone. */
const isClip = ({ model, post_processor: post }: File, { startOfText }: Tokenizer) =>
  startOfText !== undefined &&
  model.type === 'BPE' &&
  model.end_of_word_suffix === '</w>' &&
  (post as { type?: string } | undefined)?.type === 'RobertaProcessing';

function configOf(json: File, tokenizer: Tokenizer): Json {
  const { startOfText, endOfText, contextLength } = tokenizer;
  const end = nameOf(json, endOfText);
  const pad = padOf(json, tokenizer);
  return {
    tokenizer_class: isClip(json, tokenizer) ? 'CLIPTokenizer' : 'PreTrainedTokenizerFast',
    ...(startOfText !== undefined && { bos_token: nameOf(json, startOfText) }),
    eos_token: end,
    ...(pad !== undefined && { pad_token: pad }),
    ...(json.model.unk_token && { unk_token: json.model.unk_token }),
    model_max_length: contextLength,
    padding_side: 'right',
  };
}

/** After the end of a text nothing counts in a causal tower; other towers need the run's own. */
const padOf = (json: File, { startOfText, endOfText, spec: { frame } }: Tokenizer) =>
  nameOf(json, startOfText === undefined ? (frame?.padId ?? 0) : endOfText);

/** Why programs cannot pad texts as the run did; undefined where they can. */
export function paddingProblem(tokenizer: Tokenizer, source?: string): string | undefined {
  if (padOf(tokenizerJson(tokenizer, source), tokenizer) !== undefined) return undefined;
  const id = tokenizer.spec.frame?.padId ?? 0;
  return `The text tower reads ${tokenizer.contextLength} ids, filled with ${id}, which is no special token of the tokenizer: fill texts yourself (torch.nn.functional.pad).`;
}
