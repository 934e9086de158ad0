import type { Tokenizer } from '../../../data/tokenizer/tokenizer.ts';
import { idsOf } from '../../ids.ts';
import type { PageFacts, PageFile, PageTokenizer, TowerFile } from '../../layout.ts';
import type { Part } from '../../protocol.ts';
import { download, downloadJson } from './download.ts';
import { Tower } from './engine.ts';
import { pixelsForTower } from './picture.ts';
import { tokenizerOf } from './words.ts';

type OnBytes = (part: Part, loaded: number, total: number) => void;

/** The towers, each loaded when it is first needed. What failed is tried again by the next search. */
export class Encoders {
  readonly #facts: PageFacts;
  readonly #onBytes: OnBytes;
  #engine: Promise<Uint8Array> | undefined;
  #text: Promise<{ tower: Tower; tokenizer: Tokenizer }> | undefined;
  #image: Promise<Tower> | undefined;

  constructor(facts: PageFacts, onBytes: OnBytes) {
    this.#facts = facts;
    this.#onBytes = onBytes;
  }

  /** Does nothing for a model without a text tower. Browsers compile WebAssembly when it first runs: the first words do not wait for it. */
  async prepareWords(): Promise<void> {
    if (this.#facts.text) await this.words('a');
  }

  /** @returns [E], of unit length. @throws Error with a sentence for the page */
  async words(text: string): Promise<Float32Array> {
    const { tower, tokenizer } = await this.#openText();
    const ids = idsOf(text, tokenizer, this.#facts.text!.cut);
    return await tower.encode(ids, [1, ids.length]);
  }

  /** @returns [E], of unit length. @throws Error with a sentence for the page */
  async picture(picture: Blob): Promise<Float32Array> {
    const facts = this.#facts.image!;
    const [pixels, tower] = await Promise.all([pixelsForTower(picture, facts), this.#openImage()]);
    return await tower.encode(pixels, [1, 3, facts.imageSize, facts.imageSize]);
  }

  async #openText() {
    const facts = this.#facts.text!;
    this.#text ??= (async () => {
      const [tower, tokenizer] = await Promise.all([
        this.#openTower('words', facts),
        downloadJson<PageTokenizer>(facts.tokenizer.file).then(tokenizerOf),
      ]);
      return { tower, tokenizer };
    })();
    this.#text.catch(() => {
      this.#text = undefined;
    });
    return await this.#text;
  }

  async #openImage(): Promise<Tower> {
    this.#image ??= this.#openTower('pictures', this.#facts.image!);
    this.#image.catch(() => {
      this.#image = undefined;
    });
    return await this.#image;
  }

  async #openTower(part: Part, facts: TowerFile): Promise<Tower> {
    const loaded = new Map<PageFile, number>();
    const files = this.#engine ? [facts] : [this.#facts.engine, facts];
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const load = (file: PageFile) =>
      download(file, (bytes) => {
        loaded.set(file, bytes);
        this.#onBytes(
          part,
          [...loaded.values()].reduce((sum, n) => sum + n, 0),
          total,
        );
      });
    this.#engine ??= load(this.#facts.engine);
    this.#engine.catch(() => {
      this.#engine = undefined;
    });
    const [engine, model] = await Promise.all([this.#engine, load(facts)]);
    return await Tower.open(engine, model, facts);
  }
}
