export { checkExport, type ExportCheck, type FileCheck } from './check.ts';
export { type ExportOptions, type ExportResult, exportRun } from './export-run.ts';
