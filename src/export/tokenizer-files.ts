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
function framed(json: File, { startOfText, endOfText }: Tokenizer): File {
  const [start, end] = [startOfText, endOfText].map((id) => nameOf(json, id));
  const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const tokens = [
    [start!, startOfText],
    [end!, endOfText],
  ] as const;
  return {
    normalizer: null,
    pre_tokenizer: null,
    decoder: null,
    ...json,
    truncation: null,
    padding: null,
    post_processor: isClipShaped(json)
      ? json.post_processor
      : {
          type: 'TemplateProcessing',
          single: [special(start!), { Sequence: { id: 'A', type_id: 0 } }, special(end!)],
          pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
          special_tokens: Object.fromEntries(
            tokens.map(([id, number]) => [id, { id, ids: [number], tokens: [id] }]),
          ),
        },
  };
}

const nameOf = ({ added_tokens: added }: File, id: number) => added.find((token) => token.id === id)!.content;

/** transformers makes CLIP's tokenizer from vocabulary and merges alone. */
const isClipShaped = ({ model, post_processor: post }: File) =>
  model.type === 'BPE' &&
  model.end_of_word_suffix === '</w>' &&
  (post as { type?: string } | undefined)?.type === 'RobertaProcessing';

function configOf(json: File, { startOfText, endOfText, contextLength }: Tokenizer): Json {
  const end = nameOf(json, endOfText);
  return {
    tokenizer_class: isClipShaped(json) ? 'CLIPTokenizer' : 'PreTrainedTokenizerFast',
    bos_token: nameOf(json, startOfText),
    eos_token: end,
    // What follows the end changes nothing: the text tower is causal and read at the end.
    pad_token: end,
    ...(json.model.unk_token && { unk_token: json.model.unk_token }),
    model_max_length: contextLength,
    padding_side: 'right',
  };
}
