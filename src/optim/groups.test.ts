import { expect, test } from 'vitest';
import { scope, zeros } from '../torch/index.ts';
import { decayGroups, decays } from './groups.ts';

test.each([
  ['visual.conv1.weight', [8, 3, 4, 4], true],
  ['text_projection', [8, 4], true],
  ['token_embedding.weight', [8, 4], true],
  ['positional_embedding', [8, 4], true],
  ['transformer.resblocks.0.attn.in_proj_weight', [24, 8], true],
  ['transformer.resblocks.0.attn.in_proj_bias', [24], false],
  ['transformer.resblocks.0.ln_1.weight', [8], false],
  ['logit_scale', [], false],
  ['visual.class_embedding', [8], false],
  ['blocks.0.norm1.weight', [8], false],
  ['head.bn.weight', [8, 1], false],
] as const)('%s %j decays: %s', (name, shape, expected) => {
  scope(() => expect(decays(name, zeros(shape))).toBe(expected));
});

// @proves decays
test('two groups that hold every parameter once; an empty one is left out', () => {
  scope(() => {
    const params = new Map([
      ['w', zeros([2, 2])],
      ['b.bias', zeros([2])],
      ['v', zeros([2, 1])],
    ]);
    const groups = decayGroups(params, 0.2);
    expect(groups.map(({ names, weightDecay }) => [names, weightDecay])).toEqual([
      [['w', 'v'], 0.2],
      [['b.bias'], 0],
    ]);
    for (const { names, tensors } of groups) expect(tensors).toEqual(names.map((name) => params.get(name)));
    expect(decayGroups(new Map([['w', zeros([1, 1])]]), 0.2)).toHaveLength(1);
  });
});

// @proves decays
test("open_clip's present rule: learned positions and class tokens of both towers do not decay either", () => {
  const decaying = (names: string[], positions?: boolean) => {
    const params = new Map(names.map((name) => [name, zeros([1, 2, 2])]));
    const groups = decayGroups(params, 0.2, { ...(positions !== undefined && { positions }) });
    return groups.find(({ weightDecay }) => weightDecay > 0)?.names;
  };
  const positions = ['positional_embedding', 'visual.positional_embedding', 'visual.class_embedding'];
  positions.push('pos_embed', 'cls_token', 'visual.trunk.pos_embed');
  const others = ['visual.attnpool.positional_embedding', 'token_embedding.weight', 'visual.conv1.weight'];
  scope(() => {
    expect(decaying([...positions, ...others])).toEqual([...positions, ...others]);
    expect(decaying([...positions, ...others], false)).toEqual(others);
  });
});
