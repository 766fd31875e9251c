export { goalsOf } from './goals.ts';
export { historyLine } from './history.ts';
export { renderHtml } from './html.ts';
export { median } from './pairs.ts';
export { ratiosOf } from './ratios.ts';
export { renderTable } from './table.ts';
export { renderVerdict } from './verdict.ts';
