export { type FoundWeights, findWeights } from './find.ts';
export { type LoadReport, loadWeights } from './load.ts';
