import { openClipForm } from '../forms/open-clip.ts';
import { defineExport } from '../target.ts';
import { lackingOfAll, writeForm } from '../write-form.ts';

export const openClip = defineExport({
  name: 'open-clip',
  lacks: (model) => lackingOfAll([openClipForm], model),
  library: 'open_clip',
  pipeline: () => 'zero-shot-image-classification',
  write: (folder, context) => writeForm(folder, openClipForm, context),
  usage: () => ({
    language: 'python',
    lines: [
      'import open_clip',
      'from PIL import Image',
      "model, _, preprocess = open_clip.create_model_and_transforms('local-dir:' + DIR)",
      "tokenizer = open_clip.get_tokenizer('local-dir:' + DIR)",
      'image = model.eval().encode_image(preprocess(Image.open(FILE)).unsqueeze(0), normalize=True)',
      "text = model.encode_text(tokenizer(['a photo of a cat']), normalize=True)",
    ],
  }),
});
