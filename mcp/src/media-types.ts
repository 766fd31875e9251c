/** Several contents of one URI, or contents with something beside them: `{ contents: [...] }`. */
export const contentsType = 'application/vnd.weir.contents+json';
