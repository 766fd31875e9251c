export { type RouterConfig, readRouterConfig, routerSettings } from './config.ts';
export { openRouter, type Router, type RouterDeps } from './router.ts';
