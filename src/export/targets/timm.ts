import { timmForm } from '../forms/timm.ts';
import { defineExport } from '../target.ts';
import { lackingOfAll, writeForm } from '../write-form.ts';

export const timm = defineExport({
  name: 'timm',
  lacks: (model) => lackingOfAll([timmForm], model),
  library: 'timm',
  pipeline: () => 'image-feature-extraction',
  write: (folder, context) => writeForm(folder, timmForm, context),
  usage: () => ({
    language: 'python',
    lines: [
      'import timm',
      'from PIL import Image',
      "model = timm.create_model('local-dir:' + DIR, pretrained=True).eval()",
      'transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))',
      "features = model(transform(Image.open(FILE).convert('RGB')).unsqueeze(0))",
    ],
  }),
});
