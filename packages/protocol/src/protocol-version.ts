/** Rises when an older peer could misread a message; additions do not raise it. @public */
export const protocolVersion: number = 1;

/** Every API path begins with it. @public */
export const apiBase: string = '/api/v1/wasm';
