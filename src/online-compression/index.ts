export { candidatesOf, scaleOf, withOnlineDefaults } from './candidates.ts';
export { OnlineCompression } from './controller.ts';
export type { SavedOnlineState } from './state.ts';
