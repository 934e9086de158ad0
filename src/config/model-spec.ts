import { z } from 'zod';
import type { Freeze } from '../models/freeze.ts';

// Far above any model, so that a slip of the keyboard is an error and not a full memory.
const size = z.int().min(1).max(65_536);
const side = z.int().min(1).max(8192);
const depth = z.int().min(1).max(1000);

const activation = z.enum(['gelu', 'quick-gelu', 'gelu-tanh']);
const normEps = z.number().positive().max(0.1);
const from = z.string().min(1);

const head = z.strictObject({
  layers: z.int().min(1).max(8).default(2).describe('linear layers, with GELU between them'),
  hidden: size.describe('channels between layers'),
});
/** For methods on two towers. */
const towerHead = head
  .optional()
  .describe('layers behind the embedding, which learn where the tower is frozen');

const vit = z
  .strictObject({
    type: z.literal('vit').optional().default('vit').describe('family of the image tower'),
    imageSize: side.describe('side of the input square in pixels'),
    patchSize: size.describe('side of a patch in pixels; must divide imageSize'),
    width: size.describe('channels of a token'),
    layers: depth.describe('transformer blocks'),
    heads: size.optional().describe('attention heads; default width / 64'),
    mlpRatio: z
      .number()
      .positive()
      .max(100)
      .default(4)
      .describe('hidden width of the MLP, as a multiple of width'),
    pool: z
      .enum(['class', 'mean', 'attention'])
      .default('class')
      .describe("output: class token, mean of patch tokens, or SigLIP's attention to all of them"),
    positionEmbedding: z.enum(['learned', 'sincos']).default('learned').describe('position embedding'),
    activation: activation.optional().describe('activation of the MLPs; default gelu'),
    classToken: z.boolean().optional().describe('whether there is a class token; default true'),
    registers: z.int().min(0).max(64).optional().describe('tokens without a place in the picture; default 0'),
    layerScale: z.boolean().optional().describe('learned factors of each branch of a block; default false'),
    preNorm: z.boolean().optional().describe("norm before the first block; default the method's"),
    patchBias: z.boolean().optional().describe("bias of the patch projection; default the method's"),
    normEps: normEps.optional().describe("epsilon of the norms; default the method's"),
    projection: z
      .boolean()
      .optional()
      .describe('matrix between the output and the embedding, where there are texts; default true'),
    head: towerHead,
    from: from.optional().describe('weights of this tower'),
  })
  .refine((image) => image.imageSize % image.patchSize === 0, {
    path: ['patchSize'],
    error: ({ input }) => {
      const { imageSize, patchSize } = input as { imageSize: number; patchSize: number };
      return `expected a divisor of imageSize (${imageSize}), got ${patchSize}`;
    },
  })
  .refine(({ pool, classToken }) => pool !== 'class' || classToken !== false, {
    path: ['pool'],
    error: "expected 'mean' or 'attention', since there is no class token",
  })
  .refine(({ width, heads }) => width % (heads ?? 64) === 0, {
    path: ['heads'],
    error: ({ input }) => {
      const { width, heads } = input as { width: number; heads?: number };
      return `expected a divisor of width (${width}), got ${heads ?? 'none, and width / 64 is not whole'}`;
    },
  })
  .transform((image) => ({ ...image, heads: image.heads ?? image.width / 64 }));

/** The pool's attention reads 32 width channels. */
const resnetHeads = ({ width, heads }: { width: number; heads?: number | undefined }) => heads ?? width / 2;

const resnet = z
  .strictObject({
    type: z.literal('resnet').describe('family of the image tower'),
    imageSize: side.multipleOf(32).describe('side of the input square in pixels'),
    layers: z.tuple([depth, depth, depth, depth]).describe('bottleneck blocks of each part'),
    width: size.multipleOf(2).describe('channels after the stem; the output has 32 times as many'),
    heads: size.optional().describe('attention heads of the final pool; default width / 2'),
    head: towerHead,
    from: from.optional().describe('weights of this tower'),
  })
  .refine((image) => (32 * image.width) % resnetHeads(image) === 0, {
    path: ['heads'],
    error: ({ input }) => {
      const { width, heads } = input as { width: number; heads: number };
      return `expected a divisor of 32 width (${32 * width}), got ${heads}`;
    },
  })
  .transform((image) => ({ ...image, heads: resnetHeads(image) }));

const imageTower = z.discriminatedUnion('type', [vit, resnet]);

const textTower = z
  .strictObject({
    contextLength: size.describe('tokens of a caption, start and end included'),
    vocabSize: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe("number of token ids; default the tokenizer's"),
    width: size.describe('channels of a token'),
    heads: size.describe('attention heads; must divide width'),
    layers: depth.describe('transformer blocks'),
    mlpRatio: z.number().positive().max(100).optional().describe('hidden width of the MLP; default 4 widths'),
    activation: activation.optional().describe('activation of the MLPs; default gelu'),
    normEps: normEps.optional().describe('epsilon of the norms; default 1e-5'),
    causal: z.boolean().optional().describe('whether a token sees only those before it; default true'),
    pool: z
      .enum(['end', 'last'])
      .optional()
      .describe('token that is read: the end of the text, or the last of the context; default end'),
    projectionBias: z.boolean().optional().describe('bias of the text projection; default false'),
    padId: z.int().min(0).optional().describe('id after the end of a text; default 0'),
    head: towerHead,
    from: from.optional().describe('weights of this tower'),
  })
  .refine((text) => text.width % text.heads === 0, {
    path: ['heads'],
    error: ({ input }) => {
      const { width, heads } = input as { width: number; heads: number };
      return `expected a divisor of width (${width}), got ${heads}`;
    },
  });

const frozenPart = z.union([z.literal('all'), z.int().min(0)], {
  error: "expected 'all' or a number of blocks",
});

/** 'image' is short for { image: 'all' }. */
const freezeSchema = z
  .union([
    z.enum(['image', 'text']).transform((tower) => ({ [tower]: 'all' as const })),
    z
      .strictObject({
        image: frozenPart.optional().describe("frozen part of the image tower: 'all', or a number of blocks"),
        text: frozenPart.optional().describe("frozen part of the text tower: 'all', or a number of blocks"),
      })
      .refine(({ image, text }) => image !== undefined || text !== undefined, {
        error: 'expected a tower: image, text or both',
      }),
  ])
  .transform((freeze): Freeze => freeze)
  .describe(
    "part that keeps its weights: 'image', 'text', or a number of first blocks with the embeddings before them",
  );

const lacksProjection = (image: object): boolean => 'projection' in image && image.projection === false;

export const modelSpecSchema = z
  .strictObject({
    embedDim: size.optional().describe('width of the embeddings'),
    image: imageTower.describe('image tower'),
    text: textTower.optional().describe('text tower, for methods with texts'),
    freeze: freezeSchema.optional(),
    from: from
      .optional()
      .describe('weights to start from: a safetensors file, its folder, or a run; all sizes follow from it'),
  })
  .refine(({ text, embedDim }) => !text || embedDim !== undefined, {
    path: ['embedDim'],
    error: 'expected a width, since there is a text tower',
  })
  .refine(({ text, embedDim }) => text || embedDim === undefined, {
    path: ['text'],
    error: 'expected a text tower, since there is an embedDim',
  })
  .refine(
    ({ embedDim, image }) => !lacksProjection(image) || embedDim === undefined || embedDim === image.width,
    {
      path: ['embedDim'],
      error: ({ input }) =>
        `expected ${(input as { image: { width: number } }).image.width}, the width of the image tower, since image.projection is false`,
    },
  );

export type ModelSpec = z.output<typeof modelSpecSchema>;

type HeadInput = z.input<typeof head>;

/** A model whose sizes follow from files (weights.ts), and what a config may change. */
interface ModelFromWeights {
  /** A safetensors file, its folder, or a run. */
  from: string;
  image?: {
    imageSize?: number;
    patchSize?: number;
    pool?: 'class' | 'mean';
    heads?: number;
    head?: HeadInput;
  };
  text?: { contextLength?: number; head?: HeadInput };
  freeze?: z.input<typeof freezeSchema>;
}

interface TowerFromWeights {
  from: string;
  imageSize?: number;
  patchSize?: number;
  contextLength?: number;
  heads?: number;
  head?: HeadInput;
}

type SpecInput = z.input<typeof modelSpecSchema>;

type SpecWithTowers = Omit<SpecInput, 'image' | 'text'> & {
  image: SpecInput['image'] | TowerFromWeights;
  text?: SpecInput['text'] | TowerFromWeights;
};

export type ModelInput = string | SpecInput | SpecWithTowers | ModelFromWeights;
